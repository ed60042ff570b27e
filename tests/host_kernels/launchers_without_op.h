// Launchers that no op reaches here: each has tests of its own, and a call for the test that looks
// whether every kernel has run.
#pragma once

namespace fovea::test {

/// Runs its launcher once.
void run_statistics_of_sums();
void run_inverse_deviations();

}  // namespace fovea::test
