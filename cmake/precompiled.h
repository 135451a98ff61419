// What most of our sources include, parsed once for the builds with sanitizers (ESPALIER_PCH). No
// source includes it: the release build, which does without, shows that each includes what it uses.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "espalier/v1/resource.pb.h"
#include "espalier/v1/plan.pb.h"
