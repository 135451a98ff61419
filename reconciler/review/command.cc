#include "reconciler/review/command.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace espalier {
namespace {

struct Row {
  Command::Verb verb;
  const char* word;
  const char* arguments;
  const char* help;
};

constexpr std::array<Row, 6> kVerbs = {{
    {Command::Verb::kPlan, "plan", " [COMMIT]",
     "plan again; with the commit, plan what is only validated by itself"},
    {Command::Verb::kConfirm, "confirm", " DIGEST",
     "let the plan of this digest destroy what it says"},
    {Command::Verb::kPause, "pause", " [4h] REASON", "apply nothing until it is resumed"},
    {Command::Verb::kResume, "resume", "", "end a pause"},
    {Command::Verb::kAdopt, "adopt", " KIND/NAME...",
     "take over declared objects that another owns"},
    {Command::Verb::kAcceptDrift, "accept-drift", " [KIND/NAME...]",
     "open a pull request that declares what has drifted as it is live"},
}};

// Longer words name nothing that there is.
constexpr std::size_t kWordBytes = 512;
constexpr std::size_t kWords = 64;

// A fence of code: at least three of these after at most three spaces; one that ends another is as
// long at least, and nothing follows it.
struct Fence {
  char sign = 0;
  std::size_t length = 0;
  bool bare = false;

  bool Ends(const Fence& begun) const {
    return sign == begun.sign && length >= begun.length && bare;
  }
};

Fence FenceOf(absl::string_view line) {
  const absl::string_view text = absl::StripLeadingAsciiWhitespace(line);
  if (line.size() - text.size() > 3 || text.empty()) return {};
  if (text.front() != '`' && text.front() != '~') return {};
  const std::size_t length = std::min(text.find_first_not_of(text.front()), text.size());
  if (length < 3) return {};
  return {.sign = text.front(), .length = length, .bare = length == text.size()};
}

Command CommandOf(absl::string_view rest) {
  std::vector<std::string> words;
  for (absl::string_view word : absl::StrSplit(rest, absl::ByAnyChar(" \t"), absl::SkipEmpty())) {
    if (words.size() < kWords) words.emplace_back(word.substr(0, kWordBytes));
  }
  Command command;
  if (words.empty()) return command;
  for (const Row& row : kVerbs) {
    if (absl::AsciiStrToLower(words.front()) == row.word) command.verb = row.verb;
  }
  if (command.verb != Command::Verb::kHelp) words.erase(words.begin());
  command.words = std::move(words);
  return command;
}

}  // namespace

std::vector<Command> ParseCommands(absl::string_view comment) {
  std::vector<Command> commands;
  Fence fence;
  bool in_html = false;
  for (absl::string_view line : absl::StrSplit(comment, '\n')) {
    line = absl::StripTrailingAsciiWhitespace(line);
    if (in_html) {
      in_html = !absl::StrContains(line, "-->");
      continue;
    }
    const Fence found = FenceOf(line);
    if (fence.length > 0) {
      if (found.Ends(fence)) fence = {};
      continue;
    }
    if (found.length > 0) {
      fence = found;
      continue;
    }
    if (const std::size_t begin = line.find("<!--"); begin != absl::string_view::npos) {
      in_html = !absl::StrContains(line.substr(begin), "-->");
      continue;
    }
    // At the very beginning of the line: neither quoted nor indented, which is code.
    if (!absl::ConsumePrefix(&line, "/espalier")) continue;
    if (!line.empty() && line.front() != ' ' && line.front() != '\t') continue;
    commands.push_back(CommandOf(line));
    if (commands.size() == kCommands) break;
  }
  return commands;
}

std::string CommandHelp() {
  std::string text;
  for (const Row& row : kVerbs) {
    absl::StrAppend(&text, "- `/espalier ", row.word, row.arguments, "`: ", row.help, "\n");
  }
  return text;
}

}  // namespace espalier
