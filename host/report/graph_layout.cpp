#include "host/report/graph_layout.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace fovea::report {
namespace {

constexpr double kBendWidth = 18;
constexpr int kOrderSweeps = 12;
constexpr int kPlaceSweeps = 16;

/// A box, or the place where a long edge passes a rank.
struct Item {
  int rank = 0;
  bool bend = false;
  std::vector<int> above{};  // neighbours in the rank before
  std::vector<int> below{};
  double x = 0;  // of its middle
};

class Layout {
 public:
  Layout(int boxes, const std::vector<GraphEdge>& edges, const LayoutOptions& options)
      : options_(options), items_(static_cast<std::size_t>(boxes)) {
    set_ranks(edges);
    for (const GraphEdge& edge : edges) add_route(edge);
    order_ranks();
    place();
  }

  GraphLayout result(int boxes) const {
    GraphLayout layout;
    double left = 0;
    for (const Item& item : items_) left = std::min(left, item.x - width(item) / 2);
    for (int i = 0; i < boxes; ++i) {
      const Item& item = at(i);
      layout.boxes.push_back({item.x - options_.box_width / 2 - left, top(item)});
    }
    for (const Item& item : items_) {
      layout.width = std::max(layout.width, item.x + width(item) / 2 - left);
      layout.height = std::max(layout.height, top(item) + options_.box_height);
    }
    for (const std::vector<int>& route : routes_) {
      std::vector<Point> points;
      for (const int id : route) {
        points.push_back({at(id).x - left, top(at(id))});
        points.push_back({at(id).x - left, top(at(id)) + options_.box_height});
      }
      layout.routes.emplace_back(points.begin() + 1, points.end() - 1);
    }
    return layout;
  }

 private:
  Item& at(int id) { return items_[static_cast<std::size_t>(id)]; }
  const Item& at(int id) const { return items_[static_cast<std::size_t>(id)]; }
  double width(const Item& item) const { return item.bend ? kBendWidth : options_.box_width; }
  double top(const Item& item) const { return item.rank * (options_.box_height + options_.gap_y); }

  /// Each box one rank below the lowest that it reads; sources just above their first reader.
  void set_ranks(const std::vector<GraphEdge>& edges) {
    std::vector<bool> reads(items_.size(), false);
    for (std::size_t box = 0; box < items_.size(); ++box) {
      for (const GraphEdge& edge : edges) {
        if (edge.to != static_cast<int>(box)) continue;
        reads[box] = true;
        items_[box].rank = std::max(items_[box].rank, at(edge.from).rank + 1);
      }
    }
    for (std::size_t box = 0; box < items_.size(); ++box) {
      if (reads[box]) continue;
      int first = -1;
      for (const GraphEdge& edge : edges) {
        if (edge.from != static_cast<int>(box)) continue;
        first = first < 0 ? at(edge.to).rank : std::min(first, at(edge.to).rank);
      }
      if (first > 0) items_[box].rank = first - 1;
    }
    int last = 0;
    for (const Item& item : items_) last = std::max(last, item.rank);
    ranks_.resize(static_cast<std::size_t>(last) + 1);
    for (std::size_t box = 0; box < items_.size(); ++box) {
      ranks_[static_cast<std::size_t>(items_[box].rank)].push_back(static_cast<int>(box));
    }
  }

  void add_route(const GraphEdge& edge) {
    std::vector<int> route = {edge.from};
    for (int rank = at(edge.from).rank + 1; rank < at(edge.to).rank; ++rank) {
      const int id = static_cast<int>(items_.size());
      items_.push_back({rank, true});
      ranks_[static_cast<std::size_t>(rank)].push_back(id);
      route.push_back(id);
    }
    route.push_back(edge.to);
    for (std::size_t i = 0; i + 1 < route.size(); ++i) {
      at(route[i]).below.push_back(route[i + 1]);
      at(route[i + 1]).above.push_back(route[i]);
    }
    routes_.push_back(std::move(route));
  }

  // ---- Order: as few crossings as barycentres find ----

  std::int64_t crossings() const {
    std::vector<int> position(items_.size());
    for (const std::vector<int>& rank : ranks_) {
      for (std::size_t i = 0; i < rank.size(); ++i) {
        position[static_cast<std::size_t>(rank[i])] = static_cast<int>(i);
      }
    }
    std::int64_t count = 0;
    for (const std::vector<int>& rank : ranks_) {
      std::vector<int> ends;  // of all edges below, in the order of their beginnings
      for (const int id : rank) {
        std::vector<int> own;
        for (const int other : at(id).below) {
          own.push_back(position[static_cast<std::size_t>(other)]);
        }
        for (const int end : own) {
          count += std::count_if(ends.begin(), ends.end(), [&](int e) { return e > end; });
        }
        ends.insert(ends.end(), own.begin(), own.end());
      }
    }
    return count;
  }

  void sort_rank(std::vector<int>& rank, const std::vector<double>& position, bool by_above) {
    std::vector<std::pair<double, int>> keys;
    for (const int id : rank) {
      const std::vector<int>& others = by_above ? at(id).above : at(id).below;
      double sum = 0;
      for (const int other : others) sum += position[static_cast<std::size_t>(other)];
      const double key = others.empty() ? position[static_cast<std::size_t>(id)]
                                        : sum / static_cast<double>(others.size());
      keys.emplace_back(key, id);
    }
    std::stable_sort(keys.begin(), keys.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < rank.size(); ++i) rank[i] = keys[i].second;
  }

  void order_ranks() {
    std::vector<std::vector<int>> best = ranks_;
    std::int64_t fewest = crossings();
    for (int sweep = 0; sweep < kOrderSweeps && fewest > 0; ++sweep) {
      const bool down = sweep % 2 == 0;
      std::vector<double> position(items_.size());
      const auto number = [&](const std::vector<int>& rank) {
        for (std::size_t i = 0; i < rank.size(); ++i) {
          position[static_cast<std::size_t>(rank[i])] = static_cast<double>(i);
        }
      };
      for (const std::vector<int>& rank : ranks_) number(rank);
      for (std::size_t k = 0; k < ranks_.size(); ++k) {
        std::vector<int>& rank = ranks_[down ? k : ranks_.size() - 1 - k];
        sort_rank(rank, position, down);
        number(rank);
      }
      const std::int64_t now = crossings();
      if (now < fewest) {
        fewest = now;
        best = ranks_;
      }
    }
    ranks_ = best;
  }

  // ---- Places: near the middle of the neighbours, without overlaps ----

  /// The places nearest to `wanted` (weighted squares) that keep the order and the distances: with
  /// the distances taken off, a regression to a rising sequence, by pooling neighbours.
  void place_rank(const std::vector<int>& rank, const std::vector<double>& wanted,
                  const std::vector<double>& weights) {
    struct Pool {
      double mean, weight;
      std::size_t count;
    };
    std::vector<double> offset(rank.size(), 0);
    for (std::size_t i = 1; i < rank.size(); ++i) {
      offset[i] =
          offset[i - 1] + (width(at(rank[i - 1])) + width(at(rank[i]))) / 2 + options_.gap_x;
    }
    std::vector<Pool> pools;
    for (std::size_t i = 0; i < rank.size(); ++i) {
      pools.push_back({wanted[i] - offset[i], weights[i], 1});
      while (pools.size() > 1 && pools[pools.size() - 2].mean > pools.back().mean) {
        const Pool last = pools.back();
        pools.pop_back();
        Pool& pool = pools.back();
        const double weight = pool.weight + last.weight;
        pool = {(pool.mean * pool.weight + last.mean * last.weight) / weight, weight,
                pool.count + last.count};
      }
    }
    std::size_t i = 0;
    for (const Pool& pool : pools) {
      for (std::size_t k = 0; k < pool.count; ++k, ++i) at(rank[i]).x = pool.mean + offset[i];
    }
  }

  /// The middle of the neighbours above or below; of the boxes among them, where there are some, so
  /// that chains of boxes are straight whatever passes them.
  double wanted_place(int id, bool from_above) const {
    const Item& item = at(id);
    const std::vector<int>* others = from_above ? &item.above : &item.below;
    if (others->empty()) others = from_above ? &item.below : &item.above;
    double sum = 0;
    double count = 0;
    const bool boxes =
        std::any_of(others->begin(), others->end(), [&](int other) { return !at(other).bend; });
    for (const int other : *others) {
      if (boxes && !item.bend && at(other).bend) continue;
      sum += at(other).x;
      ++count;
    }
    return count > 0 ? sum / count : item.x;
  }

  void place() {
    for (const std::vector<int>& rank : ranks_) {
      place_rank(rank, std::vector<double>(rank.size(), 0), std::vector<double>(rank.size(), 1));
    }
    for (int sweep = 0; sweep < kPlaceSweeps; ++sweep) {
      const bool down = sweep % 2 == 0;
      for (std::size_t k = 0; k < ranks_.size(); ++k) {
        const std::vector<int>& rank = ranks_[down ? k : ranks_.size() - 1 - k];
        std::vector<double> wanted;
        std::vector<double> weights;
        for (const int id : rank) {
          wanted.push_back(wanted_place(id, down));
          weights.push_back(at(id).bend ? 1 : 1000);  // long edges make way for boxes
        }
        place_rank(rank, wanted, weights);
      }
    }
  }

  LayoutOptions options_;
  std::vector<Item> items_;
  std::vector<std::vector<int>> ranks_;
  std::vector<std::vector<int>> routes_;
};

}  // namespace

GraphLayout lay_out(int boxes, const std::vector<GraphEdge>& edges, const LayoutOptions& options) {
  return Layout(boxes, edges, options).result(boxes);
}

}  // namespace fovea::report
