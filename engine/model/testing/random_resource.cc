#include "engine/model/testing/random_resource.h"

#include <algorithm>
#include <array>
#include <limits>
#include <regex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/model/access.h"
#include "engine/model/field.h"
#include "engine/model/scalar.h"
#include "google/protobuf/timestamp.pb.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using v1::FieldRules;

// What a writer has to quote, to escape, or to leave alone.
constexpr std::array<const char*, 20> kTexts = {
    "plain",     "two words",  "on",  "no",        "null",        "12",    "1.5",
    "- dash",    "key: value", "#no", "tab\there", "line\nbreak", "\"q\"", "back\\slash",
    "caf\u00e9", "\U0001f34e", "~",   "@at",       " lead",       "trail "};

// One for each pattern of the model; a test says when a new one is needed.
constexpr std::array<const char*, 9> kForms = {
    "http",
    "0123456789abcdef0123456789abcdef",
    "0123456789abcdef0123456789abcdef01234567",
    "2026-02-28",
    "22:30",
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "r.example:5000/macos/sonoma:14.6",
    "dir/file.txt",
    "SECRET_NAME"};

// What is bound by more than its options (source_rules.h): the field, and something that may stand
// there.
constexpr std::pair<const char*, const char*> kBoundByCode[] = {
    {"espalier.v1.TagRange.range", ">=1.2 <3"},
    {"espalier.v1.Window.days", "mon"},
    {"espalier.v1.Window.time_zone", "UTC"},
    {"espalier.v1.IgnoreRule.fields", "metadata.labels"},
    {"espalier.v1.IgnoreRule.kinds", "vm"}};

class Filler {
 public:
  explicit Filler(Random& random) : random_(random) {}

  void Fill(Message& message) {
    const Descriptor& type = *message.GetDescriptor();
    const std::vector<std::vector<std::string>> groups = ExactlyOneOf(type);
    std::vector<std::string> chosen;
    for (std::vector<std::string> group : groups) {
      // What an object holds is not the secret, but its seal.
      std::erase_if(group, [&](const std::string& name) {
        return Has(RulesOf(*type.FindFieldByName(name)), FieldRules::SECRET);
      });
      chosen.push_back(group[random_.Below(group.size())]);
    }
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      bool grouped = false;
      for (const auto& group : groups) {
        grouped = grouped || std::find(group.begin(), group.end(), field.name()) != group.end();
      }
      const bool is_chosen = std::find(chosen.begin(), chosen.end(), field.name()) != chosen.end();
      const bool required = Has(RulesOf(field), FieldRules::REQUIRED);
      if (grouped ? is_chosen : required || random_.Chance(0.5)) FillField(message, field);
    }
  }

 private:
  void FillField(Message& message, const FieldDescriptor& field) {
    const FieldRules& rules = RulesOf(field);
    const Reflection& reflection = *message.GetReflection();
    if (!field.is_repeated()) {
      if (IsScalar(field)) return FillScalar(message, field, rules);
      return Fill(*reflection.MutableMessage(&message, &field));
    }
    const std::uint64_t count = 1 + random_.Below(3);
    for (std::uint64_t i = 0; i < count; ++i) {
      if (field.is_map()) {
        Message* entry = reflection.AddMessage(&message, &field);
        const FieldDescriptor& key = *field.message_type()->map_key();
        const FieldDescriptor& value = *field.message_type()->map_value();
        const std::string form =
            rules.key_pattern().empty() ? kTexts[random_.Below(kTexts.size())] : "http";
        entry->GetReflection()->SetString(entry, &key, absl::StrCat(form, i));
        FillField(*entry, value);
      } else if (IsScalar(field)) {
        FillScalar(message, field, rules);
      } else {
        Fill(*reflection.AddMessage(&message, &field));
      }
    }
  }

  std::string Text(const FieldDescriptor& field, const FieldRules& rules) {
    if (!rules.pattern().empty()) {
      for (const char* form : kForms) {
        if (std::regex_match(form, std::regex(rules.pattern()))) return form;
      }
      CheckFailed(__FILE__, __LINE__, "there is a form for every pattern");
    }
    for (const auto& [name, text] : kBoundByCode) {
      if (field.full_name() == name) return text;
    }
    if (!rules.ref().empty()) return absl::StrCat("name-", random_.Below(1000));
    return kTexts[random_.Below(kTexts.size())];
  }

  std::int64_t Number(const FieldDescriptor& field, const FieldRules& rules) {
    const bool small = field.cpp_type() == FieldDescriptor::CPPTYPE_INT32;
    const bool wide = field.cpp_type() == FieldDescriptor::CPPTYPE_INT64 ||
                      field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
    const std::int64_t largest = wide    ? limits::kMaxInteger
                                 : small ? std::numeric_limits<std::int32_t>::max()
                                         : std::numeric_limits<std::uint32_t>::max();
    const std::int64_t low = rules.has_min() ? rules.min() : 0;
    const std::int64_t high = rules.has_max() ? rules.max() : largest;
    switch (random_.Below(3)) {
      case 0:
        return low;
      case 1:
        return high;
      default:
        return low + static_cast<std::int64_t>(random_.Below(high - low + 1));
    }
  }

  // Through the text of the value: how fields are set is the model's own code under test elsewhere.
  void FillScalar(Message& message, const FieldDescriptor& field, const FieldRules& rules) {
    Node::Type type = Node::Type::kNumber;
    std::string text;
    if (IsTimestamp(field)) {
      type = Node::Type::kString;
      text =
          absl::StrCat("2025-01-31T12:00:0", random_.Below(10), random_.Chance(0.5) ? ".25Z" : "Z");
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
      type = Node::Type::kBool;
      text = random_.Chance(0.5) ? "true" : "false";
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
      type = Node::Type::kString;
      const std::vector<std::string> names = EnumNames(*field.enum_type());
      text = names[random_.Below(names.size())];
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      type = Node::Type::kString;
      text = Text(field, rules);
    } else {
      text = absl::StrCat(Number(field, rules));
    }
    ESPALIER_CHECK(StoreScalar(message, field, type, text).empty());
  }

  Random& random_;
};

}  // namespace

Resource RandomResource(Kind kind, Random& random) {
  const KindInfo& info = InfoOf(kind);
  Resource resource;
  SetKind(resource, kind);
  v1::Metadata& metadata = *resource.mutable_metadata();
  metadata.set_name(info.only_builtin ? info.builtin[0] : random.Suffix(8));
  if (info.namespaced && random.Chance(0.5)) metadata.set_namespace_(random.Suffix(5));
  for (const char* text : kTexts) {
    if (random.Chance(0.2)) (*metadata.mutable_labels())[random.Suffix(4)] = text;
    if (random.Chance(0.2)) (*metadata.mutable_annotations())[random.Suffix(4)] = text;
  }
  Filler(random).Fill(*MutableSpec(resource));
  return resource;
}

void FillStatus(Resource& resource, Random& random) {
  Filler(random).Fill(*MutableStatus(resource));
}

}  // namespace espalier
