// Every op of the library.
#pragma once

#include "fovea/ops/activation.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/data.h"
#include "fovea/ops/loss.h"
#include "fovea/ops/loss_scale.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/pool.h"
#include "fovea/ops/source.h"
#include "fovea/ops/statistics.h"
#include "fovea/ops/transpose.h"
#include "fovea/ops/update.h"
