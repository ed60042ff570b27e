#include "tests/simulated_gpu/cudnn/rules.h"

#include <limits>

namespace simulated_gpu::cudnn {
namespace {

using Types = std::vector<cudnnBackendAttributeType_t>;

constexpr std::int64_t kMany = std::numeric_limits<std::int64_t>::max();
const Types kReal = {CUDNN_TYPE_FLOAT, CUDNN_TYPE_DOUBLE};

Rule descriptor(cudnnBackendAttributeName_t name, int child, Need need = Need::required,
                std::int64_t most = 1) {
  return {name, {CUDNN_TYPE_BACKEND_DESCRIPTOR}, need, 1, most, child};
}
Rule tensor(cudnnBackendAttributeName_t name, Need need = Need::required) {
  return descriptor(name, CUDNN_BACKEND_TENSOR_DESCRIPTOR, need);
}
Rule data_type(cudnnBackendAttributeName_t name) { return {name, {CUDNN_TYPE_DATA_TYPE}}; }
Rule number(cudnnBackendAttributeName_t name) { return {name, {CUDNN_TYPE_INT64}}; }
Rule real(cudnnBackendAttributeName_t name) { return {name, kReal, Need::optional}; }
/// One number per dimension.
Rule sizes(cudnnBackendAttributeName_t name) {
  return {name, {CUDNN_TYPE_INT64}, Need::required, 1, CUDNN_DIM_MAX};
}

using Rules = std::vector<Rule>;

void add_operations(std::map<cudnnBackendDescriptorType_t, Rules>& all) {
  constexpr int kWindow = CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR;
  all[CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR] = {
      descriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, kWindow),
      tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X),
      tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W),
      tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y),
      {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, kReal},
      {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, kReal}};
  all[CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR] = {
      descriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, kWindow),
      tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX),
      tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W),
      tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY),
      {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, kReal},
      {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, kReal}};
  all[CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR] = {
      descriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, kWindow),
      tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X),
      tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW),
      tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY),
      {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, kReal},
      {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, kReal}};
  all[CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR] = {
      descriptor(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_BACKEND_POINTWISE_DESCRIPTOR),
      tensor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, Need::optional),
      tensor(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, Need::optional),
      tensor(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, Need::optional),
      tensor(CUDNN_ATTR_OPERATION_POINTWISE_DXDESC, Need::optional),
      tensor(CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, Need::optional),
      real(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1),
      real(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2)};
  all[CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR] = {
      {CUDNN_ATTR_OPERATION_GENSTATS_MODE, {CUDNN_TYPE_GENSTATS_MODE}},
      data_type(CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC),
      tensor(CUDNN_ATTR_OPERATION_GENSTATS_XDESC),
      tensor(CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC),
      tensor(CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC)};
  all[CUDNN_BACKEND_OPERATION_BN_BWD_WEIGHTS_DESCRIPTOR] = {
      data_type(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MATH_PREC),
      tensor(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MEAN_DESC),
      tensor(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_INVSTD_DESC),
      tensor(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_BN_SCALE_DESC),
      tensor(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_X_DESC),
      tensor(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DY_DESC),
      tensor(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_SCALE_DESC),
      tensor(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_BIAS_DESC),
      tensor(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_DY_SCALE_DESC),
      tensor(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_X_SCALE_DESC),
      tensor(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_BIAS)};
}

/// What operations are made of.
void add_parts(std::map<cudnnBackendDescriptorType_t, Rules>& all) {
  all[CUDNN_BACKEND_TENSOR_DESCRIPTOR] = {
      number(CUDNN_ATTR_TENSOR_UNIQUE_ID),
      data_type(CUDNN_ATTR_TENSOR_DATA_TYPE),
      sizes(CUDNN_ATTR_TENSOR_DIMENSIONS),
      sizes(CUDNN_ATTR_TENSOR_STRIDES),
      number(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT),
      {CUDNN_ATTR_TENSOR_IS_VIRTUAL, {CUDNN_TYPE_BOOLEAN}, Need::optional}};
  all[CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR] = {
      data_type(CUDNN_ATTR_CONVOLUTION_COMP_TYPE),
      {CUDNN_ATTR_CONVOLUTION_CONV_MODE, {CUDNN_TYPE_CONVOLUTION_MODE}},
      number(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS),
      sizes(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
      sizes(CUDNN_ATTR_CONVOLUTION_DILATIONS),
      sizes(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
      sizes(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS)};
  all[CUDNN_BACKEND_POINTWISE_DESCRIPTOR] = {
      {CUDNN_ATTR_POINTWISE_MODE, {CUDNN_TYPE_POINTWISE_MODE}},
      data_type(CUDNN_ATTR_POINTWISE_MATH_PREC),
      {CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, {CUDNN_TYPE_NAN_PROPOGATION}, Need::optional},
      real(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP),
      real(CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP),
      real(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE)};
}

/// From a graph to its execution.
void add_engines(std::map<cudnnBackendDescriptorType_t, Rules>& all) {
  constexpr int kGraph = CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR;
  constexpr int kEngine = CUDNN_BACKEND_ENGINE_DESCRIPTOR;
  constexpr int kConfig = CUDNN_BACKEND_ENGINECFG_DESCRIPTOR;
  constexpr int kDevice = CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR;
  all[CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR] = {
      {CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, {CUDNN_TYPE_CHAR}, Need::required, 1, kMany}};
  all[CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR] = {
      {CUDNN_ATTR_OPERATIONGRAPH_HANDLE, {CUDNN_TYPE_HANDLE}, Need::optional},
      descriptor(CUDNN_ATTR_OPERATIONGRAPH_OPS, kAnyDescriptor, Need::required, kMany)};
  all[CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR] = {
      {CUDNN_ATTR_ENGINEHEUR_MODE, {CUDNN_TYPE_HEUR_MODE}},
      descriptor(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, kGraph),
      descriptor(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, kDevice, Need::optional),
      descriptor(CUDNN_ATTR_ENGINEHEUR_RESULTS, kConfig, Need::output, kMany)};
  all[CUDNN_BACKEND_ENGINE_DESCRIPTOR] = {
      descriptor(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, kGraph),
      number(CUDNN_ATTR_ENGINE_GLOBAL_INDEX),
      descriptor(CUDNN_ATTR_ENGINE_DEVICEPROP, kDevice, Need::optional),
      {CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, {CUDNN_TYPE_NUMERICAL_NOTE}, Need::output, 0, kMany},
      {CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, {CUDNN_TYPE_BEHAVIOR_NOTE}, Need::output, 0, kMany}};
  all[CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR] = {
      {CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, {CUDNN_TYPE_KNOB_TYPE}},
      number(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE)};
  all[CUDNN_BACKEND_ENGINECFG_DESCRIPTOR] = {
      descriptor(CUDNN_ATTR_ENGINECFG_ENGINE, kEngine),
      descriptor(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR,
                 Need::optional, kMany)};
  all[CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR] = {
      {CUDNN_ATTR_EXECUTION_PLAN_HANDLE, {CUDNN_TYPE_HANDLE}, Need::optional},
      descriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, kConfig),
      descriptor(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, kDevice, Need::optional),
      {CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, {CUDNN_TYPE_INT64}, Need::output}};
  all[CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR] = {
      {CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, {CUDNN_TYPE_INT64}, Need::required, 1, kMany},
      {CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, {CUDNN_TYPE_VOID_PTR}, Need::required, 1, kMany},
      {CUDNN_ATTR_VARIANT_PACK_WORKSPACE, {CUDNN_TYPE_VOID_PTR}, Need::optional}};
}

}  // namespace

const std::vector<Rule>* rules_of(cudnnBackendDescriptorType_t type) {
  static const auto& all = *[] {
    auto* rules = new std::map<cudnnBackendDescriptorType_t, Rules>;
    add_operations(*rules);
    add_parts(*rules);
    add_engines(*rules);
    return rules;
  }();
  const auto found = all.find(type);
  return found == all.end() ? nullptr : &found->second;
}

const Rule* find_rule(const std::vector<Rule>& rules, cudnnBackendAttributeName_t name) {
  for (const Rule& rule : rules) {
    if (rule.name == name) return &rule;
  }
  return nullptr;
}

std::size_t size_of(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
      return 8;
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_VOID_PTR:
      return sizeof(void*);
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
      return 1;
    case CUDNN_TYPE_DATA_TYPE:
    case CUDNN_TYPE_FLOAT:
    case CUDNN_TYPE_CONVOLUTION_MODE:
    case CUDNN_TYPE_HEUR_MODE:
    case CUDNN_TYPE_KNOB_TYPE:
    case CUDNN_TYPE_NAN_PROPOGATION:
    case CUDNN_TYPE_NUMERICAL_NOTE:
    case CUDNN_TYPE_POINTWISE_MODE:
    case CUDNN_TYPE_GENSTATS_MODE:
    case CUDNN_TYPE_BEHAVIOR_NOTE:
      return 4;
    default:
      return 0;
  }
}

}  // namespace simulated_gpu::cudnn
