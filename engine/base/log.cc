#include "engine/base/log.h"

#define SPDLOG_HEADER_ONLY
#define SPDLOG_FMT_EXTERNAL
#define FMT_HEADER_ONLY
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

namespace espalier {
namespace {

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// A value with spaces, quotes or control characters is quoted, so that a line stays one line.
std::string Quoted(absl::string_view value) {
  const bool plain = !value.empty() && std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return c > ' ' && c != '"' && c != '=' && c < 0x7f;
  });
  if (plain) return std::string(value);
  std::string quoted = "\"";
  for (const unsigned char c : value) {
    switch (c) {
      case '\\':
        quoted += "\\\\";
        break;
      case '"':
        quoted += "\\\"";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\x1b':
        quoted += "\\e";
        break;
      default:
        // Any other control character could still move a terminal's cursor.
        if (c < ' ' || c == 0x7f) {
          absl::StrAppend(&quoted, "\\x", absl::Hex(c, absl::kZeroPad2));
        } else {
          quoted += static_cast<char>(c);
        }
    }
  }
  quoted += '"';
  return quoted;
}

class StderrLog final : public Log {
 public:
  explicit StderrLog(absl::string_view level)
      : logger_("espalier", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %L %v", spdlog::pattern_time_type::utc);
    logger_.set_level(spdlog::level::from_str(std::string(level)));
    logger_.flush_on(spdlog::level::trace);
  }

  void Write(LogLevel level, absl::string_view message,
             std::initializer_list<LogField> fields) override {
    std::string line(message);
    for (const LogField& field : fields) {
      absl::StrAppend(&line, " ", field.name, "=", Quoted(field.value));
    }
    logger_.log(ToSpdlog(level), "{}", line);
  }

  bool Enabled(LogLevel level) const override { return logger_.should_log(ToSpdlog(level)); }

 private:
  spdlog::logger logger_;
};

class NullLog final : public Log {
 public:
  void Write(LogLevel, absl::string_view, std::initializer_list<LogField>) override {}
  bool Enabled(LogLevel) const override { return false; }
};

}  // namespace

std::unique_ptr<Log> MakeStderrLog(absl::string_view level) {
  return std::make_unique<StderrLog>(level);
}
std::unique_ptr<Log> MakeNullLog() { return std::make_unique<NullLog>(); }

}  // namespace espalier
