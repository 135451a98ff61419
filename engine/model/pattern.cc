#include "engine/model/pattern.h"

#include <map>
#include <regex>
#include <set>

#include "engine/base/check.h"
#include "engine/model/field.h"
#include "engine/model/kind.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// std::regex recurses once per character; longer texts match no pattern of ours anyway.
constexpr std::size_t kLongestText = 4096;

using Patterns = std::map<std::string, std::regex>;

void AddPatterns(const Descriptor& message, std::set<const Descriptor*>& seen, Patterns& out) {
  if (!seen.insert(&message).second) return;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* field = message.field(i);
    const v1::FieldRules& rules = RulesOf(*field);
    for (const std::string& pattern : {rules.pattern(), rules.key_pattern()}) {
      if (!pattern.empty()) {
        out.emplace(pattern, std::regex(pattern, std::regex::ECMAScript | std::regex::optimize));
      }
    }
    if (field->message_type() != nullptr) AddPatterns(*field->message_type(), seen, out);
  }
}

const Patterns& All() {
  static const Patterns& patterns = *[] {
    auto* all = new Patterns();
    std::set<const Descriptor*> seen;
    for (const KindInfo& kind : AllKinds()) AddPatterns(*kind.spec, seen, *all);
    return all;
  }();
  return patterns;
}

}  // namespace

bool MatchesPattern(const std::string& pattern, const std::string& text) {
  const auto found = All().find(pattern);
  ESPALIER_CHECK(found != All().end());
  return text.size() <= kLongestText && std::regex_match(text, found->second);
}

}  // namespace espalier
