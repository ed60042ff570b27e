#include "fovea/ops/matmul.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

struct Product {
  std::string label;
  std::int64_t rows, inner, columns;
};

void add_products(const Product& product, std::vector<OpCase>& cases) {
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      ops::MatMul op;
      op.transpose_a = transpose_a;
      op.transpose_b = transpose_b;
      const Shape a =
          transpose_a ? Shape{product.inner, product.rows} : Shape{product.rows, product.inner};
      const Shape b = transpose_b ? Shape{product.columns, product.inner}
                                  : Shape{product.inner, product.columns};
      const std::string label =
          product.label + (transpose_a ? "_t" : "_n") + (transpose_b ? "t" : "n");
      cases.push_back(OpCase(label, op, {{a}, {b}}).differentiate({0, 1}));
    }
  }
}

void add_fused(const Product& product, const std::string& label, Activation activation,
               std::vector<OpCase>& cases) {
  ops::MatMulBiasAct op;
  op.activation = activation;
  cases.push_back(OpCase(
      product.label + "_" + label, op,
      {{{product.rows, product.inner}}, {{product.inner, product.columns}}, {{product.columns}}}));
}

}  // namespace

std::vector<OpCase> matmul_cases() {
  const std::vector<Product> products = {{"one_of_all", 1, 1, 1},
                                         {"row", 1, 37, 10},
                                         {"odd", 7, 13, 5},
                                         {"tall", 33, 3, 2},
                                         {"hidden_layer", 32, 256, 64}};
  std::vector<OpCase> cases;
  for (const Product& product : products) {
    add_products(product, cases);
    add_fused(product, "bias", {}, cases);
    add_fused(product, "relu", {Activation::Kind::relu, 0}, cases);
  }
  add_fused(products[2], "sigmoid", {Activation::Kind::sigmoid, 0}, cases);
  add_fused(products[2], "tanh", {Activation::Kind::tanh, 0}, cases);
  add_fused(products[2], "gelu", {Activation::Kind::gelu, 0}, cases);
  add_fused(products[2], "leaky_relu", {Activation::Kind::leaky_relu, 0.3}, cases);
  for (OpCase& op_case : cases) op_case = op_case.must_accept({"onednn"});
  for (const auto& [label, rows, inner, columns] : products) {
    cases.push_back(
        OpCase(label, ops::MatMulBackwardWeightBias{}, {{{rows, inner}}, {{rows, columns}}}));
  }

  // Few rows and weights that no cache keeps; an odd number of rows of w, and of columns.
  const std::size_t thin = cases.size();
  for (const std::int64_t rows : {1, 2}) {
    const Product product{"thin" + std::to_string(rows), rows, 515, 517};
    add_fused(product, "bias", {}, cases);
    add_fused(product, "relu", {Activation::Kind::relu, 0}, cases);
    cases.push_back(OpCase(product.label, ops::MatMul{}, {{{rows, 515}}, {{515, 517}}}));
  }
  for (std::size_t i = thin; i < cases.size(); ++i) {
    cases[i] = cases[i].must_accept({"thin", "onednn"});
  }

  for (const Shape& x : {Shape{1, 1}, Shape{5, 7}, Shape{3, 4, 5, 17}, Shape{32, 64}}) {
    const std::string label = std::to_string(x.rank()) + "d_" + std::to_string(x.c());
    cases.push_back(OpCase(label, ops::AddBias{}, {{x}, {{x.c()}}}).differentiate({0, 1}));
    cases.push_back(OpCase(label, ops::BiasGrad{}, {{x}}));
  }
  // Enough rows to be summed in several parts, and columns for several blocks.
  for (const Shape& x : {Shape{5000, 1}, Shape{700, 10}, Shape{2, 200, 64}, Shape{300, 1032}}) {
    const std::string label = "many_" + std::to_string(x.rank()) + "d_" + std::to_string(x.c());
    cases.push_back(OpCase(label, ops::AddBias{}, {{x}, {{x.c()}}}));
    cases.push_back(OpCase(label, ops::BiasGrad{}, {{x}}));
  }
  return cases;
}

}  // namespace fovea::test
