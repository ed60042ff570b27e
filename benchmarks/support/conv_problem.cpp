#include "benchmarks/support/conv_problem.h"

#include <charconv>

#include "fovea/error.h"

namespace fovea::bench {

const std::vector<ConvShape>& conv_shapes() {
  static const std::vector<ConvShape> shapes = {
      // name, n, c, h, w, k, r, s, stride, pad, groups
      {"resnet50_7x7_224_s2", 256, 3, 224, 224, 64, 7, 7, 2, 3},
      {"resnet50_1x1_56_64to64", 256, 64, 56, 56, 64, 1, 1, 1, 0},
      {"resnet50_3x3_56", 256, 64, 56, 56, 64, 3, 3, 1, 1},
      {"resnet50_1x1_56_64to256", 256, 64, 56, 56, 256, 1, 1, 1, 0},
      {"resnet50_1x1_56_256to64", 256, 256, 56, 56, 64, 1, 1, 1, 0},
      {"resnet50_1x1_56_256to512_s2", 256, 256, 56, 56, 512, 1, 1, 2, 0},
      {"resnet50_3x3_56_s2", 256, 128, 56, 56, 128, 3, 3, 2, 1},
      {"resnet50_3x3_28", 256, 128, 28, 28, 128, 3, 3, 1, 1},
      {"resnet50_1x1_28_128to512", 256, 128, 28, 28, 512, 1, 1, 1, 0},
      {"resnet50_1x1_28_512to128", 256, 512, 28, 28, 128, 1, 1, 1, 0},
      {"resnet50_1x1_28_512to1024_s2", 256, 512, 28, 28, 1024, 1, 1, 2, 0},
      {"resnet50_3x3_14", 256, 256, 14, 14, 256, 3, 3, 1, 1},
      {"resnet50_1x1_14_256to1024", 256, 256, 14, 14, 1024, 1, 1, 1, 0},
      {"resnet50_1x1_14_1024to256", 256, 1024, 14, 14, 256, 1, 1, 1, 0},
      {"resnet50_3x3_7", 256, 512, 7, 7, 512, 3, 3, 1, 1},
      {"resnet50_1x1_7_512to2048", 256, 512, 7, 7, 2048, 1, 1, 1, 0},
      {"vgg16_3x3_224", 64, 3, 224, 224, 64, 3, 3, 1, 1},
      {"vgg16_3x3_112", 64, 64, 112, 112, 128, 3, 3, 1, 1},
      {"vgg16_3x3_28", 64, 256, 28, 28, 512, 3, 3, 1, 1},
      {"vgg16_3x3_14", 64, 512, 14, 14, 512, 3, 3, 1, 1},
      {"cifar_2x2_32", 2000, 3, 32, 32, 24, 2, 2, 1, 0},
      {"cifar_3x3_31", 2000, 24, 31, 31, 64, 3, 3, 1, 1},
      {"cifar_3x3_15", 2000, 64, 15, 15, 256, 3, 3, 1, 1},
      {"cifar_3x3_7", 2000, 256, 7, 7, 256, 3, 3, 1, 1},
      {"resnet20_3x3_32", 128, 16, 32, 32, 16, 3, 3, 1, 1},
      {"resnet20_3x3_16", 128, 32, 16, 16, 32, 3, 3, 1, 1},
      {"resnet20_3x3_8", 128, 64, 8, 8, 64, 3, 3, 1, 1},
      {"googlenet_5x5_28", 16, 192, 28, 28, 32, 5, 5, 1, 2},
      {"mobilenetv2_depthwise_3x3_56", 256, 144, 56, 56, 144, 3, 3, 1, 1, 144},
      {"convnext_depthwise_7x7_56", 128, 96, 56, 56, 96, 7, 7, 1, 3, 96},
  };
  return shapes;
}

ConvShape parse_conv_shape(const std::string& text) {
  std::vector<std::int64_t> numbers;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(at, end, number);
    const bool separated = stop == end || (*stop == ',' && stop + 1 != end);
    FOVEA_REQUIRE(error == std::errc() && separated && number >= 0, invalid_argument,
                  "a shape is N,C,H,W,K,R,S,stride,pad[,groups[,dilation]], not '", text, "'");
    numbers.push_back(number);
    at = stop == end ? end : stop + 1;
  }
  FOVEA_REQUIRE(numbers.size() >= 9 && numbers.size() <= 11, invalid_argument,
                "a shape has 9 to 11 numbers, N,C,H,W,K,R,S,stride,pad[,groups[,dilation]], not ",
                numbers.size());
  numbers.resize(11, 1);
  const auto& v = numbers;
  return {"custom", v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]};
}

ConvProblem make_conv_problem(const ConvShape& shape, Pass pass, const NumberFormat& format) {
  ops::ConvAttributes attributes;
  attributes.stride = shape.stride;
  attributes.padding = Padding::cells(shape.pad);
  attributes.dilation = shape.dilation;
  attributes.groups = shape.groups;
  FOVEA_REQUIRE(shape.groups >= 1 && shape.c % shape.groups == 0, shape_mismatch,
                "groups = ", shape.groups, " must divide the ", shape.c, " input channels");
  const ValueType x{{shape.n, shape.h, shape.w, shape.c}, format.storage};
  const ValueType w{{shape.k, shape.r, shape.s, shape.c / shape.groups}, format.storage};
  const ops::Conv2d forward(attributes);
  const ValueType y = forward.infer(std::vector<ValueType>{x, w}).front();

  ConvProblem problem{shape, pass, format, {y.shape.h(), y.shape.w()}, {}, {}, {}, {}};
  switch (pass) {
    case Pass::forward:
      problem.op = std::make_shared<const ops::Conv2d>(forward);
      problem.inputs = {x, w};
      break;
    case Pass::backward_data:
      problem.op =
          std::make_shared<const ops::Conv2dBackwardData>(attributes, Size2(shape.h, shape.w));
      problem.inputs = {y, w};
      break;
    case Pass::backward_filter:
      problem.op =
          std::make_shared<const ops::Conv2dBackwardFilter>(attributes, Size2(shape.r, shape.s));
      problem.inputs = {x, y};
      break;
  }
  const std::vector<ValueType> outputs = problem.op->infer(problem.inputs);
  problem.output = outputs.front();
  problem.cost = cost_of(*problem.op, problem.inputs, outputs);
  return problem;
}

}  // namespace fovea::bench
