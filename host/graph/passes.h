// Passes: graph in, graph out. Order: specialize, (differentiate, update phase), simplify, fuse,
// expand what no kernel takes, plan.
#pragma once

#include <functional>
#include <string>

#include "fovea/device.h"
#include "fovea/graph.h"
#include "host/graph/plan.h"

namespace fovea {

/// Turns a mode-agnostic model into a training or an inference one: without training, dropout
/// disappears and batch norms use their running statistics; so do, in training, the batch norms of
/// layers for which `frozen(path)` is true.
FOVEA_INTERNAL Graph specialize(const Graph& graph, bool training,
                                const std::function<bool(const std::string& path)>& frozen);

/// Mixed precision: convolutions, products and what lies between them compute in `low`, f16 or
/// bf16, from casts of the f32 parameters; batch norm's parameters and statistics, softmax, losses
/// and everything that leaves the graph stay f32.
FOVEA_INTERNAL Graph lower_precision(const Graph& graph, DType low);

/// relu's backward pass moves behind max pooling's, onto the pooled tensor:
/// relu'(x) max_pool'(dy) = max_pool'(relu'(y) dy) where y = max_pool(relu(x)), exactly, since a
/// window's gradient goes to the cell whose value y holds.
FOVEA_INTERNAL Graph relu_before_pool_backward(const Graph& graph);

/// Batch norms with given statistics fold into the convolution before them.
FOVEA_INTERNAL Graph fold_batch_norm(const Graph& graph);

/// conv + bias [+ residual] [+ activation], matmul + bias [+ activation].
FOVEA_INTERNAL Graph fuse_bias_activation(const Graph& graph);

/// The gradients of a convolution's weights and bias, which read the same tensor.
FOVEA_INTERNAL Graph fuse_filter_bias_gradients(const Graph& graph);

/// batch norm [+ residual] + activation, forward and backward.
FOVEA_INTERNAL Graph fuse_batch_norm_activation(const Graph& graph);

/// The batch out of a data set [+ rescale] [+ cast].
FOVEA_INTERNAL Graph fuse_picture_rescale(const Graph& graph);

/// convolution + batch norm in training, where a candidate of the device takes them as one, and is
/// not measured slower: not before, since apart each has a path of its own.
FOVEA_INTERNAL Graph fuse_conv_batch_norm(const Graph& graph, Device& device,
                                          const PlanOptions& options);

/// The gradient of a convolution's input + the backward pass of relu and of the batch norm before
/// it, likewise.
FOVEA_INTERNAL Graph fuse_backward_data_batch_norm(const Graph& graph, Device& device,
                                                   const PlanOptions& options);

/// The gradients of a dense layer's weights and bias, likewise.
FOVEA_INTERNAL Graph fuse_weight_bias_gradients(const Graph& graph, Device& device,
                                                const PlanOptions& options);

/// An op that stands alone, its inputs being plain and every output being read.
FOVEA_INTERNAL PlanStep lone_step(OpPtr op, std::vector<ValueType> inputs);

/// Whether some candidate takes the step.
FOVEA_INTERNAL bool accepted(const PlanStep& step, const Device& device,
                             const PlanOptions& options);

/// Replaces every fused op that no candidate of the device accepts by its parts.
FOVEA_INTERNAL Graph expand_declined(const Graph& graph, const Device& device,
                                     const PlanOptions& options);

/// All of the above after specialize, and a plan.
FOVEA_INTERNAL std::shared_ptr<const Plan> compile_graph(const Graph& graph,
                                                         const std::shared_ptr<Device>& device,
                                                         const PlanOptions& options);

}  // namespace fovea
