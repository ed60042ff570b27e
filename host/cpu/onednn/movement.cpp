// Moving values between formats, and joining them.
#include <optional>

#include "fovea/ops/basic.h"
#include "host/cpu/onednn/families.h"
#include "host/cpu/onednn/picture.h"
#include "host/cpu/onednn/recipe.h"

namespace fovea::onednn {
namespace {

/// By way of a dense format, where there is one. Throws dnnl::error where the library cannot.
Lowering lower_reorder(const LowerRequest& request, std::optional<Tag> by_way_of) {
  const Desc to = desc_of(request.outputs[0], request.wanted_outputs[0]);
  const Layout& layout = request.input_layouts[0];
  const Desc from =
      layout.plain() ? plain_desc_for(request.inputs[0], to) : desc_of(request.inputs[0], layout);
  Recipe recipe(request);
  Recipe::Handle source = recipe.input(0, from, layout);
  if (by_way_of) source = recipe.reordered(source, tagged_desc(request.inputs[0], *by_way_of));
  recipe.reorder(source, recipe.output(0, to));
  return std::move(recipe).lowering();
}

/// Also takes the bytes and integers of a pooling's argmax.
LowerResult reorder(const ops::Reorder&, const LowerRequest& request) {
  if (request.wanted_outputs.size() != 1) return Decline{"no layout was asked for"};
  for (const Layout& layout : {request.input_layouts[0], request.wanted_outputs[0]}) {
    if (!layout.plain() && layout.library != kLibrary) {
      return Decline{"the layout is of another library, " + layout.library};
    }
  }
  const ThreadCount scope(request.threads);
  try {
    return lower_reorder(request, {});
  } catch (const dnnl::error&) {
    // Some formats, such as Winograd's of weights, are made from (N, C, H, W) alone.
  }
  try {
    return lower_reorder(request, Tag::nchw);
  } catch (const dnnl::error& error) {
    return Decline{std::string("oneDNN: ") + error.what()};
  }
}

/// Of pictures in a format of the library's; plain ones are copied as fast by anyone.
LowerResult concat(const ops::Concat& op, const LowerRequest& request) {
  constexpr int kAxisNames[] = {0, 2, 3, 1};  // of (N, H, W, C) in oneDNN's order
  std::size_t leader = 0;
  while (leader < request.inputs.size() && request.input_layouts[leader].plain()) ++leader;
  if (leader == request.inputs.size()) return Decline{"all inputs are plain"};
  const auto picture = picture_of(request.inputs[leader], request.input_layouts[leader]);
  if (!picture) return Decline{"the inputs' format is not one of channel blocks"};
  const Tag tag = picture->tag;
  std::vector<Desc> sources;
  for (const ValueType& input : request.inputs) sources.push_back(tagged_desc(input, tag));
  const auto desc =
      describe_concat(cpu_engine(), recipe_attributes(), tagged_desc(request.outputs[0], tag),
                      kAxisNames[op.axis], sources);
  if (is_reference(desc.impl_info_str())) {
    return Decline{"oneDNN has only its reference kernel for this concatenation"};
  }
  Recipe recipe(request);
  Recipe::Arguments arguments = {{DNNL_ARG_DST, recipe.output(0, desc.dst_desc())}};
  for (std::size_t i = 0; i < sources.size(); ++i) {
    arguments.emplace_back(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i),
                           recipe.input(i, sources[i]));
  }
  recipe.run<dnnl::concat>(desc, arguments);
  return std::move(recipe).lowering();
}

}  // namespace

void add_movement(KernelTable& table) {
  table.add<ops::Reorder>(kLibrary, reorder);
  table.add<ops::Concat>(kLibrary, guarded(concat));
}

}  // namespace fovea::onednn
