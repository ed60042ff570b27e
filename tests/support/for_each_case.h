// All cases of one op with the reference's results: for tests that hold those to the op's
// definition.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "host/graph/run_op.h"
#include "tests/support/op_case.h"

namespace fovea::test {

/// Calls body(op, inputs, outputs) for every case of an op, in f64.
template <class DerivedOp, class Body>
void for_each_case(const Body& body) {
  int count = 0;
  for (const OpCase& op_case : op_cases()) {
    const OpPtr op = op_case.op(DType::f64);
    if (op->name() != DerivedOp::kName) continue;
    SCOPED_TRACE(op_case.name);
    const std::vector<Tensor> inputs = make_inputs(op_case, DType::f64);
    body(static_cast<const DerivedOp&>(*op), inputs, run_reference(op, inputs));
    ++count;
  }
  EXPECT_GT(count, 0);
}

/// A tensor of this shape, in f64, from value(flat index).
template <class Element>
Tensor tensor_of(const Shape& shape, const Element& value) {
  Tensor tensor(shape, DType::f64);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<double>()[i] = value(i);
  return tensor;
}

}  // namespace fovea::test
