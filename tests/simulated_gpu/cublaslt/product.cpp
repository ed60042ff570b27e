#include "tests/simulated_gpu/cublaslt/product.h"

#include <numeric>
#include <vector>

#include "tests/simulated_gpu/runtime.h"

namespace simulated_gpu::cublaslt {
namespace {

void require_value(bool holds, const std::string& words) {
  require(holds, CUBLAS_STATUS_INVALID_VALUE, words);
}

void require_support(bool holds, const std::string& words) {
  require(holds, CUBLAS_STATUS_NOT_SUPPORTED, words);
}

/// Element (i, j) of op(matrix), for all of them, row by row, rounded to TF32 where that is asked.
std::vector<double> loaded(const void* memory, const Layout& layout, cublasOperation_t op,
                           bool tf32) {
  const bool transpose = op == CUBLAS_OP_T;
  const std::int64_t rows = transpose ? layout.columns : layout.rows;
  const std::int64_t columns = transpose ? layout.rows : layout.columns;
  const Type type = type_of(layout.type);
  std::vector<double> elements;
  elements.reserve(static_cast<std::size_t>(rows * columns));
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      const std::int64_t place = transpose ? j + i * layout.leading : i + j * layout.leading;
      const double element = load(memory, type, place);
      elements.push_back(tf32 ? rounded_to_tf32(element) : element);
    }
  }
  return elements;
}

}  // namespace

Type type_of(cudaDataType_t type) {
  switch (type) {
    case CUDA_R_32F:
      return Type::f32;
    case CUDA_R_16F:
      return Type::f16;
    case CUDA_R_16BF:
      return Type::bf16;
    default:
      throw Failure{CUBLAS_STATUS_NOT_SUPPORTED,
                    "data type " + std::to_string(type) + " is not simulated"};
  }
}

std::size_t extent_bytes(const Layout& layout) {
  const std::int64_t elements = (layout.columns - 1) * layout.leading + layout.rows;
  return static_cast<std::size_t>(elements) * bytes_of(type_of(layout.type));
}

std::int64_t Product::inner() const {
  return operation.transpose_a == CUBLAS_OP_T ? a.rows : a.columns;
}
bool Product::has_bias() const {
  return operation.epilogue == CUBLASLT_EPILOGUE_BIAS ||
         operation.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
}
bool Product::has_bias_gradient() const { return operation.epilogue == CUBLASLT_EPILOGUE_BGRADA; }
bool Product::has_relu() const {
  return operation.epilogue == CUBLASLT_EPILOGUE_RELU ||
         operation.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
}

std::uint64_t Product::hash() const {
  std::uint64_t hash = 1469598103934665603u;  // FNV-1a, over numbers instead of bytes
  const auto mix = [&](auto number) {
    hash = (hash ^ static_cast<std::uint64_t>(number)) * 1099511628211u;
  };
  mix(operation.compute);
  mix(operation.transpose_a);
  mix(operation.transpose_b);
  mix(operation.epilogue);
  mix(operation.bias_type);
  for (const Layout* layout : {&a, &b, &c, &d}) {
    mix(layout->type);
    mix(layout->rows);
    mix(layout->columns);
    mix(layout->leading);
  }
  return hash;
}

Product product_of(const Operation& operation, const Layout& a, const Layout& b, const Layout& c,
                   const Layout& d) {
  const Product product{operation, a, b, c, d};
  const bool transposed_a = operation.transpose_a == CUBLAS_OP_T;
  const bool transposed_b = operation.transpose_b == CUBLAS_OP_T;
  require_value((transposed_a ? a.columns : a.rows) == d.rows, "op(A) has not as many rows as D");
  require_value((transposed_b ? b.rows : b.columns) == d.columns,
                "op(B) has not as many columns as D");
  require_value((transposed_b ? b.columns : b.rows) == product.inner(),
                "op(A)'s columns are not op(B)'s rows");
  require_value(c.rows == d.rows && c.columns == d.columns, "C is not of D's size");
  require_support(a.type == b.type && b.type == c.type && c.type == d.type,
                  "matrices of several types are not simulated");
  static_cast<void>(type_of(d.type));
  require_support(operation.scale == CUDA_R_32F, "only scaling in f32 is simulated");
  const bool tf32 = operation.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  require_support(operation.compute == CUBLAS_COMPUTE_32F || tf32,
                  "only computing in f32 or TF32 is simulated");
  require_support(!tf32 || a.type == CUDA_R_32F, "TF32 is for f32");
  require_support(operation.epilogue == CUBLASLT_EPILOGUE_DEFAULT || product.has_bias() ||
                      product.has_bias_gradient() || product.has_relu(),
                  "epilogue " + std::to_string(operation.epilogue) + " is not simulated");
  require_support(operation.bias_type == -1 || operation.bias_type == d.type,
                  "a bias of another type than D's is not simulated");
  return product;
}

void check_memory(const Product& product, const Pointers& pointers) {
  require_device_memory(pointers.a, extent_bytes(product.a), "cuBLASLt's A");
  require_device_memory(pointers.b, extent_bytes(product.b), "cuBLASLt's B");
  require_device_memory(pointers.c, extent_bytes(product.c), "cuBLASLt's C");
  require_device_memory(pointers.d, extent_bytes(product.d), "cuBLASLt's D");
  if (product.points_to_bias()) {
    require_device_memory(
        product.operation.bias,
        static_cast<std::size_t>(product.d.rows) * bytes_of(type_of(product.d.type)),
        "cuBLASLt's bias");
  }
  if (pointers.workspace_bytes > 0) {
    require_device_memory(pointers.workspace, pointers.workspace_bytes, "cuBLASLt's workspace");
  }
}

void multiply(const Product& product, double alpha, double beta, const Pointers& pointers) {
  check_memory(product, pointers);
  const bool tf32 = product.operation.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  const Layout& d = product.d;
  const Type type = type_of(d.type);
  std::vector<double> before;
  if (beta != 0) before = loaded(pointers.c, product.c, CUBLAS_OP_N, false);
  if (pointers.workspace_bytes > 0) fill_with_nan(pointers.workspace, pointers.workspace_bytes);
  for (std::int64_t j = 0; j < d.columns; ++j) {  // not what lies between the columns
    fill_with_nan(
        static_cast<char*>(pointers.d) + static_cast<std::size_t>(j * d.leading) * bytes_of(type),
        static_cast<std::size_t>(d.rows) * bytes_of(type));
  }
  const auto a = loaded(pointers.a, product.a, product.operation.transpose_a, tf32);
  const auto b = loaded(pointers.b, product.b, product.operation.transpose_b, tf32);
  const auto columns = static_cast<std::size_t>(d.columns);
  const auto inner = static_cast<std::size_t>(product.inner());
  std::vector<double> row(columns);
  for (std::size_t i = 0; i < static_cast<std::size_t>(d.rows); ++i) {
    std::fill(row.begin(), row.end(), 0);
    for (std::size_t k = 0; k < inner; ++k) {
      const double factor = a[i * inner + k];
      for (std::size_t j = 0; j < columns; ++j) row[j] += factor * b[k * columns + j];
    }
    const auto place = static_cast<std::int64_t>(i);
    if (product.has_bias_gradient()) {
      const auto first = a.begin() + static_cast<std::ptrdiff_t>(i * inner);
      store(const_cast<void*>(product.operation.bias), type, place,  // NOLINT
            std::accumulate(first, first + static_cast<std::ptrdiff_t>(inner), 0.0));
    }
    const double bias = product.has_bias() ? load(product.operation.bias, type, place) : 0;
    for (std::size_t j = 0; j < columns; ++j) {
      double value = alpha * row[j] + bias;
      if (beta != 0) value += beta * before[i * columns + j];
      if (product.has_relu() && value < 0) value = 0;
      store(pointers.d, type, place + static_cast<std::int64_t>(j) * d.leading, value);
    }
  }
}

}  // namespace simulated_gpu::cublaslt
