#include "engine/model/ref.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/model/validate.h"

namespace espalier {
namespace {

constexpr char kDefaultNamespace[] = "default";

absl::Status UnknownKind(absl::string_view name) {
  std::vector<std::string> names;
  for (const KindInfo& info : AllKinds()) names.push_back(info.name);
  const std::string nearest = Nearest(name, names);
  return absl::InvalidArgumentError(
      absl::StrCat("there is no kind \"", name, "\"",
                   nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
}

}  // namespace

Ref RefOf(const Resource& resource) {
  Ref ref{resource.body_case(), resource.metadata().namespace_(), resource.metadata().name()};
  if (ref.kind != kNoKind && ref.ns.empty() && InfoOf(ref.kind).namespaced) {
    ref.ns = kDefaultNamespace;
  }
  return ref;
}

std::string ToString(const Ref& ref) {
  const std::string kind = ref.kind == kNoKind ? "?" : InfoOf(ref.kind).name;
  return ref.ns.empty() ? absl::StrCat(kind, "/", ref.name)
                        : absl::StrCat(kind, "/", ref.ns, "/", ref.name);
}

std::string ToHuman(const Ref& ref) {
  const std::string kind = ref.kind == kNoKind ? "?" : InfoOf(ref.kind).name;
  return ref.ns.empty() ? absl::StrCat(kind, " ", ref.name)
                        : absl::StrCat(kind, " ", ref.ns, "/", ref.name);
}

absl::StatusOr<Ref> ParseRef(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  if (parts.size() < 2 || parts.size() > 3) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not of the form kind/name or kind/namespace/name"));
  }
  const KindInfo* info = FindKind(parts[0]);
  if (info == nullptr) return UnknownKind(parts[0]);
  if (parts.size() == 3 && !info->namespaced) {
    return absl::InvalidArgumentError(absl::StrCat(info->name, " has no namespace"));
  }
  Ref ref{info->kind, "", parts.back()};
  if (info->namespaced) ref.ns = parts.size() == 3 ? parts[1] : kDefaultNamespace;
  if (!IsValidName(ref.name) || (info->namespaced && !IsValidName(ref.ns))) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not a valid name"));
  }
  return ref;
}

v1::Ref ToProto(const Ref& ref) {
  v1::Ref proto;
  if (ref.kind != kNoKind) proto.set_kind(InfoOf(ref.kind).name);
  proto.set_namespace_(ref.ns);
  proto.set_name(ref.name);
  return proto;
}

absl::StatusOr<Ref> FromProto(const v1::Ref& ref) {
  const KindInfo* info = FindKind(ref.kind());
  if (info == nullptr) return UnknownKind(ref.kind());
  Ref result{info->kind, ref.namespace_(), ref.name()};
  if (result.ns.empty() && info->namespaced) result.ns = kDefaultNamespace;
  return result;
}

}  // namespace espalier
