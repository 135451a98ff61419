#include "provider/log.h"

#include <unistd.h>

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/model/writer.h"

namespace espalier::provider {
namespace {

// Longer lines are cut by core and then shown as text.
constexpr std::size_t kValueBytes = 16 * 1024;

void AppendJson(std::string& out, absl::string_view text) {
  AppendJsonString(text.substr(0, kValueBytes), out);
}

absl::string_view NameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "debug";
}

CoreLevel CoreLevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return CoreLevel::kDebug;
    case LogLevel::kInfo:
      return CoreLevel::kInfo;
    case LogLevel::kWarn:
      return CoreLevel::kWarn;
    case LogLevel::kError:
      return CoreLevel::kError;
  }
  return CoreLevel::kError;
}

class CoreLog : public Log {
 public:
  CoreLog(Clock& clock, CoreLevel level) : clock_(clock), level_(level) {}

  void Write(LogLevel level, absl::string_view message,
             std::initializer_list<LogField> fields) override {
    if (!Enabled(level)) return;
    const std::string line = CoreLogLine(clock_.Now(), level, message, fields);
    // One write for the whole line, so that lines of several threads do not mix. Whoever reads may
    // be gone; there is nobody left to tell.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  }
  bool Enabled(LogLevel level) const override { return CoreLevelOf(level) >= level_; }

 private:
  Clock& clock_;
  const CoreLevel level_;
};

}  // namespace

CoreLevel ParseCoreLevel(std::initializer_list<absl::string_view> variables) {
  std::string text;
  for (const absl::string_view variable : variables) {
    if (text.empty()) text = absl::AsciiStrToLower(variable);
  }
  constexpr std::array<absl::string_view, 6> kNames = {"trace", "debug", "info",
                                                       "warn",  "error", "off"};
  if (text.empty()) return CoreLevel::kOff;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (text == kNames[i]) return static_cast<CoreLevel>(i);
  }
  return CoreLevel::kTrace;
}

std::string CoreLogLine(absl::Time now, LogLevel level, absl::string_view message,
                        std::initializer_list<LogField> fields) {
  std::string line = "{\"@level\":";
  AppendJson(line, NameOf(level));
  line += ",\"@message\":";
  AppendJson(line, message);
  // Core parses exactly six digits.
  line += ",\"@module\":\"espalier\",\"@timestamp\":";
  AppendJson(line, absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", now, absl::UTCTimeZone()));
  for (const LogField& field : fields) {
    // A name of our own could otherwise shadow a reserved one.
    if (field.name.empty() || field.name.front() == '@') continue;
    line += ',';
    AppendJson(line, field.name);
    line += ':';
    AppendJson(line, field.value);
  }
  return line + "}\n";
}

std::unique_ptr<Log> MakeCoreLog(Clock& clock, CoreLevel level) {
  return std::make_unique<CoreLog>(clock, level);
}

}  // namespace espalier::provider
