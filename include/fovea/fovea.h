// Everything: #include "fovea/fovea.h" and link with fovea::fovea.
#pragma once

#include "fovea/callback.h"
#include "fovea/callbacks.h"
#include "fovea/data.h"
#include "fovea/device.h"
#include "fovea/float16.h"
#include "fovea/layers.h"
#include "fovea/loss.h"
#include "fovea/model.h"
#include "fovea/models.h"
#include "fovea/network.h"
#include "fovea/ops.h"
#include "fovea/optimizer.h"
#include "fovea/profile.h"
#include "fovea/summary.h"
#include "fovea/tensor.h"
#include "fovea/version.h"
