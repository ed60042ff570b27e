// Places for the boxes and edges of a directed graph without cycles, from top to bottom.
//
// Source: Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system
// structures" (1981): ranks, order within them by barycentres, places; an edge over several ranks
// is a chain of bends.
#pragma once

#include <vector>

namespace fovea::report {

struct Point {
  double x = 0;
  double y = 0;
};

struct GraphEdge {
  int from = 0;
  int to = 0;
};

struct LayoutOptions {
  double box_width = 200;
  double box_height = 46;
  double gap_x = 28;  ///< between boxes side by side
  double gap_y = 34;  ///< between ranks
};

struct GraphLayout {
  std::vector<Point> boxes;                ///< upper left corners
  std::vector<std::vector<Point>> routes;  ///< of each edge: where it passes each rank's upper edge
                                           ///< and lower edge, from its source to its target
  double width = 0;
  double height = 0;
};

/// Boxes do not overlap, and edges pass between them. Every edge leads from a smaller to a larger
/// number.
GraphLayout lay_out(int boxes, const std::vector<GraphEdge>& edges, const LayoutOptions& options);

}  // namespace fovea::report
