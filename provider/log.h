// The provider's log: lines on standard error in the JSON shape that core reads and shows under
// TF_LOG. Thread-safe.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"

namespace espalier::provider {

// The level that the environment asks for, in any case: the first of `variables` that is set, of
// which the most specific comes first (TF_LOG_PROVIDER_ESPALIER, TF_LOG_PROVIDER, TF_LOG). Anything
// that is no level but "off" and empty asks for all, as in core.
enum class CoreLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };
CoreLevel ParseCoreLevel(std::initializer_list<absl::string_view> variables);

// One line of the log, with its newline. The reserved keys are always strings: core dies of others.
std::string CoreLogLine(absl::Time now, LogLevel level, absl::string_view message,
                        std::initializer_list<LogField> fields);

// `clock` must outlive the log.
std::unique_ptr<Log> MakeCoreLog(Clock& clock, CoreLevel level);

}  // namespace espalier::provider
