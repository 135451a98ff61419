#include "engine/oci/documents.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/oci/digest.h"

namespace espalier::oci {
namespace {

using Json = nlohmann::json;

absl::Status Malformed(absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("malformed answer of the registry: ", what));
}

absl::StatusOr<Json> ParseObject(absl::string_view bytes) {
  Json json = Json::parse(bytes.begin(), bytes.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Malformed("no JSON object");
  return json;
}

// The string under `key`, or empty.
std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::StatusOr<std::map<std::string, std::string>> ReadAnnotations(const Json& object) {
  std::map<std::string, std::string> annotations;
  const auto found = object.find("annotations");
  if (found == object.end() || found->is_null()) return annotations;
  if (!found->is_object()) return Malformed("annotations are no object");
  for (const auto& [name, value] : found->items()) {
    if (!value.is_string()) return Malformed("an annotation is no string");
    annotations[name] = value.get<std::string>();
  }
  return annotations;
}

absl::StatusOr<Descriptor> ReadDescriptor(const Json& json) {
  if (!json.is_object()) return Malformed("a descriptor is no object");
  Descriptor descriptor;
  descriptor.media_type = Text(json, "mediaType");
  descriptor.digest = Text(json, "digest");
  if (!IsDigest(descriptor.digest)) return Malformed("a descriptor has no SHA-256 digest");
  const auto size = json.find("size");
  if (size == json.end() || !size->is_number_integer()) {
    return Malformed("a descriptor has no size");
  }
  const bool fits = size->is_number_unsigned() ? size->get<std::uint64_t>() <= limits::kMaxInteger
                                               : size->get<std::int64_t>() >= 0;
  if (!fits) return Malformed("a descriptor's size is out of range");
  descriptor.size = size->get<std::int64_t>();
  ESPALIER_ASSIGN_OR_RETURN(descriptor.annotations, ReadAnnotations(json));
  return descriptor;
}

// The array under `key`, bounded.
absl::StatusOr<const Json*> Array(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return Malformed(absl::StrCat("no ", key));
  if (found->size() > limits::kManifestEntries) {
    return absl::ResourceExhaustedError(absl::StrCat("manifest has ", found->size(), " ", key));
  }
  return &*found;
}

absl::Status ReadIndex(const Json& json, Document& document) {
  ESPALIER_ASSIGN_OR_RETURN(const Json* manifests, Array(json, "manifests"));
  for (const Json& entry : *manifests) {
    IndexEntry& read = document.entries.emplace_back();
    ESPALIER_ASSIGN_OR_RETURN(read.descriptor, ReadDescriptor(entry));
    const auto platform = entry.find("platform");
    if (platform == entry.end() || !platform->is_object()) continue;
    read.os = Text(*platform, "os");
    read.arch = Text(*platform, "architecture");
  }
  return absl::OkStatus();
}

absl::Status ReadManifest(const Json& json, Manifest& manifest) {
  const auto config = json.find("config");
  if (config == json.end()) return Malformed("a manifest has no config");
  ESPALIER_ASSIGN_OR_RETURN(manifest.config, ReadDescriptor(*config));
  ESPALIER_ASSIGN_OR_RETURN(const Json* layers, Array(json, "layers"));
  for (const Json& layer : *layers) {
    ESPALIER_ASSIGN_OR_RETURN(manifest.layers.emplace_back(), ReadDescriptor(layer));
  }
  ESPALIER_ASSIGN_OR_RETURN(manifest.annotations, ReadAnnotations(json));
  return absl::OkStatus();
}

Json ToJson(const Descriptor& descriptor) {
  Json json = {{"mediaType", descriptor.media_type},
               {"digest", descriptor.digest},
               {"size", descriptor.size}};
  if (!descriptor.annotations.empty()) json["annotations"] = descriptor.annotations;
  return json;
}

// "type; charset=utf-8" without what follows the semicolon.
std::string BareType(absl::string_view content_type) {
  const absl::string_view bare = content_type.substr(0, content_type.find(';'));
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(bare));
}

}  // namespace

absl::StatusOr<Document> ParseDocument(absl::string_view bytes, absl::string_view content_type) {
  if (bytes.size() > limits::kManifestBytes) {
    return absl::ResourceExhaustedError("manifest is too large");
  }
  ESPALIER_ASSIGN_OR_RETURN(const Json json, ParseObject(bytes));
  const auto version = json.find("schemaVersion");
  if (version == json.end() || *version != 2) {
    return Malformed("no manifest of schema version 2");
  }
  const std::string own_type = Text(json, "mediaType");
  const std::string type = BareType(content_type);
  if (!own_type.empty() && own_type != type) {
    return Malformed(
        absl::StrCat("a manifest calls itself ", own_type, ", the registry says ", type));
  }
  Document document;
  document.is_index = type == kIndexType || type == kDockerListType;
  if (!document.is_index && type != kManifestType && type != kDockerManifestType) {
    return Malformed(
        absl::StrCat("\"", absl::CHexEscape(type), "\" is no type of image manifests"));
  }
  const bool has_entries = json.contains("manifests");
  const bool has_layers = json.contains("layers") || json.contains("config");
  if (has_entries == has_layers || has_entries != document.is_index) {
    return Malformed("a manifest must be either an image or an index");
  }
  if (document.is_index) {
    ESPALIER_RETURN_IF_ERROR(ReadIndex(json, document));
  } else {
    ESPALIER_RETURN_IF_ERROR(ReadManifest(json, document.manifest));
    document.manifest.media_type = type;
    document.manifest.bytes = std::string(bytes);
    document.manifest.digest = DigestOf(bytes);
  }
  return document;
}

std::string WriteManifest(const Manifest& manifest) {
  // The library keeps the keys of objects sorted.
  Json json = {{"schemaVersion", 2},
               {"mediaType", manifest.media_type},
               {"config", ToJson(manifest.config)},
               {"layers", Json::array()}};
  for (const Descriptor& layer : manifest.layers) json["layers"].push_back(ToJson(layer));
  if (!manifest.annotations.empty()) json["annotations"] = manifest.annotations;
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

absl::StatusOr<ImageConfig> ParseImageConfig(absl::string_view bytes) {
  ESPALIER_ASSIGN_OR_RETURN(const Json json, ParseObject(bytes));
  ImageConfig config;
  config.os = Text(json, "os");
  // Tart's own document says "arch".
  config.arch = Text(json, json.contains("architecture") ? "architecture" : "arch");
  return config;
}

std::string WriteImageConfig(const std::string& os, const std::string& arch,
                             const std::vector<std::string>& diff_ids) {
  const Json json = {
      {"os", os}, {"architecture", arch}, {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}}};
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string WriteTartConfig(const std::string& os, const std::string& arch, int cpu,
                            std::int64_t memory_mib) {
  const std::int64_t memory = memory_mib * 1024 * 1024;
  const Json json = {{"version", 1},
                     {"os", os},
                     {"arch", arch},
                     {"cpuCountMin", cpu},
                     {"cpuCount", cpu},
                     {"memorySizeMin", memory},
                     {"memorySize", memory},
                     // Required by its readers; locally administered, changed on every clone.
                     {"macAddress", "7a:65:73:70:61:6c"}};
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

absl::StatusOr<Token> ParseToken(absl::string_view bytes) {
  ESPALIER_ASSIGN_OR_RETURN(const Json json, ParseObject(bytes));
  Token token;
  token.value = Text(json, "token");
  if (token.value.empty()) token.value = Text(json, "access_token");
  if (token.value.empty()) return Malformed("no token");
  const auto expires = json.find("expires_in");
  if (expires != json.end() && expires->is_number_unsigned()) {
    token.expires_in_seconds = static_cast<std::int64_t>(
        std::min<std::uint64_t>(expires->get<std::uint64_t>(), 24 * 3600));
  }
  return token;
}

absl::StatusOr<std::vector<std::string>> ParseNames(absl::string_view bytes,
                                                    absl::string_view key) {
  ESPALIER_ASSIGN_OR_RETURN(const Json json, ParseObject(bytes));
  std::vector<std::string> names;
  const auto found = json.find(std::string(key));
  if (found == json.end() || found->is_null()) return names;
  if (!found->is_array()) return Malformed(absl::StrCat(key, " is no list"));
  for (const Json& name : *found) {
    if (!name.is_string()) return Malformed(absl::StrCat("an entry of ", key, " is no string"));
    names.push_back(name.get<std::string>());
  }
  return names;
}

std::string ErrorTextOf(absl::string_view bytes) {
  const absl::StatusOr<Json> document = ParseObject(bytes);
  if (!document.ok()) return "";
  const absl::StatusOr<const Json*> errors = Array(*document, "errors");
  if (!errors.ok() || (*errors)->empty() || !(**errors)[0].is_object()) return "";
  return Text((**errors)[0], "message");
}

}  // namespace espalier::oci
