#include "host/layers/checks.h"

#include "host/layers/symbol.h"

namespace fovea::detail {

void fail_shape(const Builder& b, const Layer& layer, Value x, std::string_view what,
                std::string_view remedy) {
  const Shape& shape = b.shape(x);
  fail(ErrorCode::shape_mismatch, "'", b.path(), "' (", layer.kind(), ") takes ", what, ", not ",
       shape.rank() == 0 ? shape.str() : batch_shape_text(shape.drop_front()), ": ", remedy);
}

void require_picture(const Builder& b, const Layer& layer, Value x) {
  const int rank = b.shape(x).rank();
  if (rank == 3) {
    fail_shape(b, layer, x, "pictures (N, H, W, C)",
               "add a channel axis, as in Input({28, 28, 1})");
  }
  if (rank != 4) {
    fail_shape(b, layer, x, "pictures (N, H, W, C)", "put a Reshape({H, W, C}) before it");
  }
  require_floating(b, layer, x);
}

void require_floating(const Builder& b, const Layer& layer, Value x) {
  const DType dtype = b.type(x).dtype;
  FOVEA_REQUIRE(is_floating(dtype), invalid_argument, "'", b.path(), "' (", layer.kind(),
                ") takes floating-point numbers, not ", dtype_name(dtype),
                ": put a Rescaling(1.0 / 255) before it, or convert the data");
}

void require_equal_inputs(const Builder& b, const Layer& layer, std::span<const Value> inputs) {
  FOVEA_REQUIRE(inputs.size() >= 2, invalid_argument, "'", b.path(), "' (", layer.kind(),
                ") takes two or more inputs, not ", inputs.size());
  const Shape& first = b.shape(inputs.front());
  for (Value x : inputs) {
    if (b.shape(x) == first) continue;
    fail_shape(b, layer, x,
               "inputs of one shape, the first being " + batch_shape_text(first.drop_front()),
               "change its shape first, for example by a Conv2D with a 1x1 kernel");
  }
}

void require_positive(std::string_view kind, std::string_view what, std::int64_t value) {
  FOVEA_REQUIRE(value >= 1, invalid_argument, kind, ": ", what, " must be >= 1, not ", value);
}

void require_positive(std::string_view kind, std::string_view what, Size2 value) {
  FOVEA_REQUIRE(value.h >= 1 && value.w >= 1, invalid_argument, kind, ": ", what,
                " must be >= 1 along both axes, not (", value.h, ", ", value.w, ")");
}

}  // namespace fovea::detail
