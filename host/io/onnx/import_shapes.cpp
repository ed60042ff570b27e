// Operators that move numbers about, and the table of all operators.
#include <algorithm>

#include "fovea/ops/basic.h"
#include "host/io/onnx/import_ops.h"

namespace fovea::onnx {
namespace {

constexpr std::int64_t kMostPadding = 1 << 16;

void identity(const Call& call) { call.give(call.view(0)); }

/// Pixels become f32; truth values are numbers already.
void cast(const Call& call) {
  const std::int64_t to = call.integer("to", kFloat);
  const bool floating = to == kFloat || to == kDouble || to == kFloat16 || to == kBfloat16;
  if (!floating) call.refuse("to type ", to, " of ONNX's; to floating point is supported");
  const View& x = call.view(0);
  if (is_floating(call.b().type(x.value).dtype)) return call.give(x);
  call.give_like(x, call.add(ops::Rescale{}, {x.value}));
}

// ---- Reshaping ----

/// The same numbers of each sample in another shape.
void give_reshaped(const Call& call, const View& x, const std::vector<std::int64_t>& sample) {
  if (sample.size() >= Shape::kMaxRank) call.refuse("a shape of ", sample.size() + 1, " axes");
  View view = x;
  view.shape = Shape(sample).prepend(x.shape[0]);
  call.give(view);
}

void flatten(const Call& call) {
  const View& x = call.view(0);
  const int rank = x.shape.rank();
  const std::int64_t given = call.integer("axis", 1);
  const int axis = given == rank ? rank : resolve_axis(call, given, rank);
  if (axis != 1) call.refuse("axis ", axis, "; only 1, which keeps the batch, is supported");
  give_reshaped(call, x, {x.shape.drop_front().numel()});
}

void reshape(const Call& call) {
  const View& x = call.view(0);
  std::vector<std::int64_t> sizes = call.integers_at(1, "its shape");
  if (sizes.empty()) call.refuse("a shape without a batch");
  const std::int64_t batch = sizes.front();
  const bool keeps_batch =
      batch == -1 || batch == 0 || batch == x.shape[0] || batch == call.importer().declared_batch();
  sizes.erase(sizes.begin());
  const std::int64_t elements = x.shape.drop_front().numel();
  std::int64_t known = 1;
  std::int64_t* open = nullptr;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const int axis = static_cast<int>(i) + 1;
    if (sizes[i] == 0 && axis < x.shape.rank()) sizes[i] = x.shape[axis];
    if (sizes[i] == -1 && open == nullptr && batch != -1) {
      open = &sizes[i];
    } else if (sizes[i] <= 0 || known > elements / sizes[i]) {
      call.refuse("it makes no whole samples of ", x.shape);
    } else {
      known *= sizes[i];
    }
  }
  if (open != nullptr) *open = elements / known;
  if (!keeps_batch || (open == nullptr ? known : known * *open) != elements) {
    call.refuse("it makes no whole samples of ", x.shape);
  }
  give_reshaped(call, x, sizes);
}

std::vector<std::int64_t> axes_of(const Call& call, const std::vector<std::int64_t>& otherwise) {
  if (call.has(1)) return call.integers_at(1, "its axes");
  return call.integers("axes").value_or(otherwise);
}

void squeeze(const Call& call) {
  const View& x = call.view(0);
  std::vector<std::int64_t> ones;
  for (int axis = 1; axis < x.shape.rank(); ++axis) {
    if (x.shape[axis] == 1) ones.push_back(axis);
  }
  std::set<int> dropped;
  for (const std::int64_t axis : axes_of(call, ones)) {
    dropped.insert(resolve_axis(call, axis, x.shape.rank()));
  }
  std::vector<std::int64_t> sizes;
  for (int axis = 1; axis < x.shape.rank(); ++axis) {
    if (!dropped.contains(axis)) sizes.push_back(x.shape[axis]);
    if (dropped.contains(axis) && x.shape[axis] != 1) call.fail_parse("axis ", axis, " is not 1");
  }
  if (dropped.contains(0)) call.refuse("the batch cannot go");
  give_reshaped(call, x, sizes);
}

void unsqueeze(const Call& call) {
  const View& x = call.view(0);
  const std::vector<std::int64_t> axes = axes_of(call, {});
  const int rank = x.shape.rank() + static_cast<int>(std::min<std::size_t>(axes.size(), 99));
  std::set<int> added;
  for (const std::int64_t axis : axes) added.insert(resolve_axis(call, axis, rank));
  if (added.contains(0)) call.refuse("an axis before the batch");
  if (added.size() != axes.size()) call.fail_parse("an axis is listed twice");
  std::vector<std::int64_t> sizes;
  int source = 1;
  for (int axis = 1; axis < rank; ++axis) {
    sizes.push_back(added.contains(axis) ? 1 : x.shape[source++]);
  }
  give_reshaped(call, x, sizes);
}

void transpose(const Call& call) {
  const View& given = call.view(0);
  const int rank = given.shape.rank();
  const auto perm = call.integers("perm");
  if (!perm || std::ssize(*perm) != rank || perm->front() != 0) {
    call.refuse("an order of axes that does not begin with the batch");
  }
  const View x =
      call.is_direct(given) ? given : plain_view(call.b(), call.plain(given), given.layer);
  std::vector<std::int64_t> place(perm->size(), -1);  // where the file's axes go
  View view = x;
  for (int i = 0; i < rank; ++i) {
    const int axis = resolve_axis(call, (*perm)[static_cast<std::size_t>(i)], rank);
    place[static_cast<std::size_t>(axis)] = i;
    view.shape.set(i, x.shape[axis]);
  }
  if (std::find(place.begin(), place.end(), -1) != place.end()) {
    call.fail_parse("its perm does not name each axis once");
  }
  for (std::int64_t& axis : view.order) axis = place[static_cast<std::size_t>(axis)];
  call.give(view);
}

// ---- Along an axis ----

/// As it lies here, if it is not reshaped; else in the file's order.
View direct(const Call& call, const View& view) {
  return call.is_direct(view) ? view : plain_view(call.b(), call.plain(view), view.layer);
}

/// Our axis that is the file's.
int own_axis(const View& view, int axis) {
  return static_cast<int>(std::find(view.order.begin(), view.order.end(), axis) -
                          view.order.begin());
}

/// After an op that changed the size of one axis.
View resized(const Call& call, const View& before, Value value, int axis) {
  View view{value, before.order, before.shape, call.layer()};
  view.shape.set(axis, call.b().shape(value)[own_axis(before, axis)]);
  return view;
}

int inner_axis(const Call& call, std::int64_t axis, int rank) {
  const int resolved = resolve_axis(call, axis, rank);
  if (resolved == 0) call.refuse("along the batch it is not supported");
  return resolved;
}

void concat(const Call& call) {
  if (call.count() == 0) call.fail_parse("it has no inputs");
  std::vector<View> views;
  for (std::size_t i = 0; i < call.count(); ++i) views.push_back(direct(call, call.view(i)));
  const bool same = std::all_of(views.begin(), views.end(),
                                [&](const View& view) { return view.order == views[0].order; });
  for (View& view : views) {
    if (same) break;
    view = view.shape.rank() == 4 ? picture_view(call.b(), call.picture(view), view.layer)
                                  : plain_view(call.b(), call.plain(view), view.layer);
  }
  const int axis = inner_axis(call, call.integer("axis", 1), views[0].shape.rank());
  ops::Concat op;
  op.axis = own_axis(views[0], axis);
  std::vector<Value> values;
  values.reserve(views.size());
  for (const View& view : views) values.push_back(view.value);
  call.give(resized(call, views[0], call.add(op, values), axis));
}

View sliced(const Call& call, const View& x, int axis, std::int64_t begin, std::int64_t size) {
  if (size < 1) call.refuse("an empty part of axis ", axis);
  ops::Slice op;
  op.axis = own_axis(x, axis);
  op.begin = begin;
  op.size = size;
  return resized(call, x, call.add(op, {x.value}), axis);
}

void slice(const Call& call) {
  View x = direct(call, call.view(0));
  const auto list = [&](std::size_t input, const char* name) {
    return call.has(input) ? std::optional(call.integers_at(input, name)) : call.integers(name);
  };
  const auto starts = list(1, "starts"), ends = list(2, "ends"), axes = list(3, "axes");
  const auto steps = list(4, "steps");
  if (!starts || !ends || starts->size() != ends->size() ||
      (axes && axes->size() != starts->size())) {
    call.fail_parse("its starts, ends and axes do not fit each other");
  }
  for (const std::int64_t step : steps.value_or(std::vector<std::int64_t>{})) {
    if (step != 1) call.refuse("steps other than 1");
  }
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const std::int64_t given = axes ? (*axes)[i] : static_cast<std::int64_t>(i);
    const int axis = inner_axis(call, given, x.shape.rank());
    const std::int64_t count = x.shape[axis];
    const auto place = [&](std::int64_t k) {
      return std::clamp<std::int64_t>(k < 0 ? std::max(k, -count) + count : k, 0, count);
    };
    const std::int64_t first = place((*starts)[i]), last = place((*ends)[i]);
    if (first != 0 || last != count) x = sliced(call, x, axis, first, last - first);
  }
  call.give(x);
}

void split(const Call& call) {
  const View x = direct(call, call.view(0));
  const int axis = inner_axis(call, call.integer("axis", 0), x.shape.rank());
  const std::int64_t parts = std::ssize(call.node().outputs);
  if (parts == 0) call.fail_parse("it has no outputs");
  const std::int64_t all = x.shape[axis], each = (all + parts - 1) / parts;
  auto sizes =
      call.has(1) ? std::optional(call.integers_at(1, "its sizes")) : call.integers("split");
  if (!sizes) {
    sizes = std::vector<std::int64_t>(static_cast<std::size_t>(parts), each);
    sizes->back() = all - each * (parts - 1);
  }
  if (std::ssize(*sizes) != parts) call.fail_parse(sizes->size(), " sizes for ", parts, " outputs");
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < sizes->size(); ++i) {
    const std::int64_t size = (*sizes)[i];
    if (size < 1 || size > all - begin) call.fail_parse("a part of ", size, " of ", all);
    call.importer().give(call.node().outputs[i], sliced(call, x, axis, begin, size));
    begin += size;
  }
}

void pad(const Call& call) {
  if (call.text("mode", "constant") != "constant") call.refuse("mode ", call.text("mode", ""));
  const double value =
      call.has(2) ? call.constant(2, "its value").tensor.item() : call.number("value", 0);
  if (value != 0) call.refuse("padding with ", value, "; with 0 it is supported");
  if (call.has(3)) call.refuse("padding of listed axes");
  View x = direct(call, call.view(0));
  const int rank = x.shape.rank();
  const std::vector<std::int64_t> pads =
      call.has(1) ? call.integers_at(1, "its pads")
                  : call.integers("pads").value_or(std::vector<std::int64_t>{});
  if (std::ssize(pads) != 2 * rank) call.fail_parse(pads.size(), " pads for ", rank, " axes");
  for (int axis = 0; axis < rank; ++axis) {
    ops::Pad op;
    const auto place = static_cast<std::size_t>(axis);
    op.before = pads[place];
    op.after = pads[pads.size() / 2 + place];
    if (op.before == 0 && op.after == 0) continue;
    const auto fits = [](std::int64_t cells) { return cells >= 0 && cells <= kMostPadding; };
    if (axis == 0 || !fits(op.before) || !fits(op.after)) {
      call.refuse("pads ", op.before, " and ", op.after, " along axis ", axis);
    }
    op.axis = own_axis(x, axis);
    x = resized(call, x, call.add(op, {x.value}), axis);
  }
  call.give(x);
}

/// The sizes themselves, of the batch that is being built.
void shape(const Call& call) {
  const std::span<const std::int64_t> sizes = call.view(0).shape.sizes();
  const auto count = std::ssize(sizes);
  const auto place = [&](std::int64_t i) {
    return std::clamp<std::int64_t>(i < 0 ? std::max(i, -count) + count : i, 0, count);
  };
  const std::int64_t first = place(call.integer("start", 0));
  const std::int64_t last = std::max(first, place(call.integer("end", count)));
  call.give(Tensor::from<std::int64_t>(
      {last - first},
      sizes.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first))));
}

constexpr NamedRule kRules[] = {
    {"Identity", identity},   {"Cast", cast},       {"Flatten", flatten},
    {"Reshape", reshape},     {"Squeeze", squeeze}, {"Unsqueeze", unsqueeze},
    {"Transpose", transpose}, {"Concat", concat},   {"Slice", slice},
    {"Split", split},         {"Pad", pad},         {"Shape", shape},
};

constexpr std::pair<std::string_view, std::string_view> kKinds[] = {
    {"Conv", "Conv2D"},
    {"Gemm", "Dense"},
    {"MatMul", "Dense"},
    {"MaxPool", "MaxPooling2D"},
    {"AveragePool", "AveragePooling2D"},
    {"GlobalAveragePool", "GlobalAveragePooling2D"},
    {"GlobalMaxPool", "GlobalMaxPooling2D"},
    {"Relu", "ReLU"},
    {"LeakyRelu", "LeakyReLU"},
    {"Elu", "ELU"},
    {"Concat", "Concatenate"},
    {"Mul", "Multiply"},
};

}  // namespace

std::span<const NamedRule> shape_rules() { return kRules; }

std::string_view layer_kind(std::string_view type) {
  for (const auto& [onnx, kind] : kKinds) {
    if (onnx == type) return kind;
  }
  return type;
}

void import_node(const Call& call) {
  const Node& node = call.node();
  if (node.domain.empty() || node.domain == "ai.onnx") {
    if (fold(call)) return;
    for (const auto rules : {layer_rules(), pool_rules(), elementwise_rules(), shape_rules()}) {
      for (const NamedRule& rule : rules) {
        if (rule.type == node.type) return rule.rule(call);
      }
    }
  }
  call.refuse("this operator", node.domain.empty() ? "" : " of " + node.domain,
              " is not supported; export the model without it");
}

}  // namespace fovea::onnx
