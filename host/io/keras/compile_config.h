// Optimizers, losses and metrics in Keras's words, and the variables of optimizers in its order.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fovea/model.h"
#include "host/io/keras/description.h"
#include "host/io/model_formats.h"

namespace fovea::keras {

/// What Keras's compile_config says; nothing where it has a loss or an optimizer that only Keras,
/// or only the program that wrote it, knows: such a model predicts, and is compiled anew to train.
/// Metrics that only Keras knows are left out. `outputs` are the network's.
std::optional<CompileOptions> compile_from_json(const Json& config,
                                                const std::vector<OutputSpec>& outputs);

/// The other way round. Metrics that Keras does not know are left out; throws unsupported, naming
/// it, for such a loss or schedule.
Json compile_to_json(const CompileOptions& compile, const std::vector<OutputSpec>& outputs);

/// The weights that an optimizer changes, in its order.
std::vector<Weight> trainable_weights(const std::vector<LayerEntry>& layers);

/// The state of an optimizer by the paths it gives it, with "step.applied", from Keras's variables;
/// empty where they are none of this optimizer's.
NamedTensors optimizer_state(const Optimizer& optimizer, const std::vector<Weight>& weights,
                             const std::vector<Tensor>& variables);

/// The other way round, each with Keras's name. What `state` lacks is as before the first update;
/// `values` are the weights by path, whose shapes that has.
NamedTensors optimizer_variables(const Optimizer& optimizer, const std::vector<Weight>& weights,
                                 const NamedTensors& state, const NamedTensors& values);

/// Null where there is none of this name.
const Tensor* find_tensor(const NamedTensors& tensors, const std::string& name);

}  // namespace fovea::keras
