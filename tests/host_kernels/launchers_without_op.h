// Launchers that no op reaches here: each has tests of its own, and a call for the test that looks
// whether every kernel has run.
#pragma once

namespace fovea::test {

/// Each runs its launchers once.
void run_picture_batch();
void run_statistics_of_sums();

}  // namespace fovea::test
