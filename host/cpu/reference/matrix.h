// The product of two matrices as plain loops: what MatMul and the three passes of a convolution
// come down to.
#pragma once

#include <cstdint>

namespace fovea::cpu {

/// A matrix whose element (i, j) is data[i * row_step + j * column_step]. With column_step 1 it is
/// row-major, with row_step 1 the transpose of a row-major one.
template <class T>
struct StridedMatrix {
  const T* data;
  std::int64_t row_step;
  std::int64_t column_step;
};

/// c += a b, where a is rows x inner, b inner x columns and c rows x columns; b and c are
/// row-major, their rows b_step and c_step apart. Each element of c is summed in the order of
/// `inner`, four products at a time, whatever rows and columns it is computed together with.
template <class T>
void multiply_add(std::int64_t rows, std::int64_t columns, std::int64_t inner, StridedMatrix<T> a,
                  const T* b, std::int64_t b_step, T* c, std::int64_t c_step) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* a_row = a.data + i * a.row_step;
    T* __restrict__ c_row = c + i * c_step;
    std::int64_t k = 0;
    // The loop over columns is independent, so the compiler makes vectors of it; taking four rows
    // of b at once saves three of four loads and stores of c.
    for (; k + 4 <= inner; k += 4) {
      const T a0 = a_row[k * a.column_step];
      const T a1 = a_row[(k + 1) * a.column_step];
      const T a2 = a_row[(k + 2) * a.column_step];
      const T a3 = a_row[(k + 3) * a.column_step];
      const T* b0 = b + k * b_step;
      const T* b1 = b0 + b_step;
      const T* b2 = b1 + b_step;
      const T* b3 = b2 + b_step;
      for (std::int64_t j = 0; j < columns; ++j) {
        c_row[j] += a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j];
      }
    }
    for (; k < inner; ++k) {
      const T a0 = a_row[k * a.column_step];
      const T* b0 = b + k * b_step;
      for (std::int64_t j = 0; j < columns; ++j) c_row[j] += a0 * b0[j];
    }
  }
}

/// to (columns x rows) = the transpose of from (rows x columns), both row-major and dense.
template <class T>
void transpose(std::int64_t rows, std::int64_t columns, const T* from, T* to) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
  }
}

}  // namespace fovea::cpu
