#include "engine/model/kind.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "engine/base/check.h"
#include "espalier/v1/annotations.pb.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

std::vector<KindInfo> ReadKinds() {
  std::vector<KindInfo> kinds;
  const OneofDescriptor* body = Resource::descriptor()->FindOneofByName("body");
  ESPALIER_CHECK(body != nullptr);
  for (int i = 0; i < body->field_count(); ++i) {
    const FieldDescriptor* field = body->field(i);
    const Descriptor* message = field->message_type();
    ESPALIER_CHECK(message->options().HasExtension(v1::kind));
    const v1::KindRules& rules = message->options().GetExtension(v1::kind);
    KindInfo info;
    info.kind = static_cast<Kind>(field->number());
    info.name = field->name();
    info.title = message->name();
    info.plural = rules.plural();
    info.namespaced = rules.scope() == v1::KindRules::NAMESPACED;
    info.aliases.assign(rules.aliases().begin(), rules.aliases().end());
    info.builtin.assign(rules.builtin().begin(), rules.builtin().end());
    info.finalized = rules.finalized();
    info.only_builtin = rules.only_builtin();
    info.not_from_git = rules.not_from_git();
    info.body = field;
    info.spec = message->FindFieldByName("spec")->message_type();
    info.status = message->FindFieldByName("status")->message_type();
    if (rules.has_members()) {
      info.members = {info.spec->FindFieldByName(rules.members().wanted()),
                      info.status->FindFieldByName(rules.members().running()),
                      info.status->FindFieldByName(rules.members().why())};
      ESPALIER_CHECK(info.members->wanted != nullptr);
      ESPALIER_CHECK(info.members->running != nullptr);
      ESPALIER_CHECK(info.members->why != nullptr);
    }
    kinds.push_back(std::move(info));
  }
  std::sort(kinds.begin(), kinds.end(),
            [](const KindInfo& a, const KindInfo& b) { return a.kind < b.kind; });
  return kinds;
}

const std::vector<KindInfo>& Kinds() {
  static const std::vector<KindInfo>& kinds = *new std::vector<KindInfo>(ReadKinds());
  return kinds;
}

}  // namespace

absl::Span<const KindInfo> AllKinds() { return Kinds(); }

const KindInfo& InfoOf(Kind kind) {
  for (const KindInfo& info : Kinds()) {
    if (info.kind == kind) return info;
  }
  CheckFailed(__FILE__, __LINE__, "kind is one of the oneof's");
}

const KindInfo* FindKind(absl::string_view name) {
  for (const KindInfo& info : Kinds()) {
    const auto is_name = [&](absl::string_view known) {
      return absl::EqualsIgnoreCase(known, name);
    };
    if (is_name(info.name) || is_name(info.title) || is_name(info.plural) ||
        std::any_of(info.aliases.begin(), info.aliases.end(), is_name)) {
      return &info;
    }
  }
  return nullptr;
}

}  // namespace espalier
