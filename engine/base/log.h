// Log: a constant message and typed fields whose names are in telemetry.h. Resources are logged
// only by name. INFO: a state changed. DEBUG: a loop turned. WARN: degraded and going on. ERROR:
// somebody must look; one fails the simulation. Thread-safe.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace espalier {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

// Name and value of a log line.
struct LogField {
  LogField(absl::string_view field_name, const absl::AlphaNum& field_value)
      : name(field_name), value(field_value.Piece()) {}
  absl::string_view name;
  std::string value;
};

class Log {
 public:
  virtual ~Log() = default;
  // Writes one line. `message` is a literal.
  virtual void Write(LogLevel level, absl::string_view message,
                     std::initializer_list<LogField> fields) = 0;
  // Whether lines of this level are written at all.
  virtual bool Enabled(LogLevel level) const = 0;

  void Debug(absl::string_view message, std::initializer_list<LogField> fields = {}) {
    if (Enabled(LogLevel::kDebug)) Write(LogLevel::kDebug, message, fields);
  }
  void Info(absl::string_view message, std::initializer_list<LogField> fields = {}) {
    if (Enabled(LogLevel::kInfo)) Write(LogLevel::kInfo, message, fields);
  }
  void Warn(absl::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kWarn, message, fields);
  }
  void Error(absl::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kError, message, fields);
  }
};

// Lines on standard error: time, level, message, name=value. `level`: "debug", "info", "warn",
// "error".
std::unique_ptr<Log> MakeStderrLog(absl::string_view level);
// Writes nothing.
std::unique_ptr<Log> MakeNullLog();

}  // namespace espalier
