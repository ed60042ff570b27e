// Matrix products and biases as plain loops.
#include "fovea/ops/matmul.h"

#include <algorithm>

#include "host/cpu/parallel.h"
#include "host/cpu/reference/columns.h"
#include "host/cpu/reference/kernels.h"
#include "host/cpu/reference/matrix.h"

namespace fovea::cpu {
namespace {

/// Scratch memory: the right matrix, where it must be transposed.
std::int64_t matmul_workspace(const ops::MatMul& op, const LowerRequest& request) {
  return op.transpose_b ? request.inputs[1].bytes() : 0;
}

/// c (rows, columns) = op(a) (rows, inner) op(b) (inner, columns); threads share out the rows.
template <class T>
void matmul(const ops::MatMul& op, const KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  const std::int64_t inner = shape[op.transpose_a ? 0 : 1];
  const std::int64_t rows = context.output_shape(0)[0];
  const std::int64_t columns = context.output_shape(0)[1];
  const T* a = context.input<T>(0);
  const T* b = context.input<T>(1);
  T* c = context.output<T>(0);
  if (op.transpose_b) {
    T* transposed = static_cast<T*>(context.workspace());
    transpose(columns, inner, b, transposed);
    b = transposed;
  }
  const std::int64_t row_step = op.transpose_a ? 1 : inner;
  const std::int64_t column_step = op.transpose_a ? rows : 1;
  parallel_for(context.threads(), rows, grain_of(inner * columns),
               [&](std::int64_t first, std::int64_t last) {
                 std::fill(c + first * columns, c + last * columns, T{0});
                 multiply_add(last - first, columns, inner,
                              StridedMatrix<T>{a + first * row_step, row_step, column_step}, b,
                              columns, c + first * columns, columns);
               });
}

template <class T>
void add_bias(const ops::AddBias&, const KernelContext& context) {
  const T* x = context.input<T>(0);
  const T* bias = context.input<T>(1);
  T* y = context.output<T>(0);
  const std::int64_t columns = context.input_shape(1)[0];
  parallel_for(context.threads(), row_count(context.input_shape(0)), grain_of(columns),
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t row = first; row < last; ++row) {
                   for (std::int64_t c = 0; c < columns; ++c) {
                     y[row * columns + c] = x[row * columns + c] + bias[c];
                   }
                 }
               });
}

template <class T>
void bias_grad(const ops::BiasGrad&, const KernelContext& context) {
  const T* dy = context.input<T>(0);
  T* db = context.output<T>(0);
  const Shape& shape = context.input_shape(0);
  for_each_column_block(context.threads(), shape, [&](const ColumnBlock& block) {
    double sums[ColumnBlock::kWidth] = {};
    block.for_each_row([&](std::int64_t at) {
      for (std::int64_t c = 0; c < block.width; ++c) sums[c] += dy[at + c];
    });
    for (std::int64_t c = 0; c < block.width; ++c) db[block.first + c] = static_cast<T>(sums[c]);
  });
}

}  // namespace

void add_reference_matmul(KernelTable& table) {
  table.add<ops::MatMul>(
      "reference", reference(matmul<float>, matmul<double>, {.workspace_bytes = matmul_workspace}));
  table.add<ops::AddBias>("reference",
                          reference(add_bias<float>, add_bias<double>, {.in_place = {{0, 0}}}));
  table.add<ops::BiasGrad>("reference", reference(bias_grad<float>, bias_grad<double>));
}

}  // namespace fovea::cpu
