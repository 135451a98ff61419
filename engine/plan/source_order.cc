#include "engine/plan/source_order.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/model/validate.h"
#include "engine/plan/wording.h"

namespace espalier {
namespace {

class OrderChecker {
 public:
  OrderChecker(const Objects& objects, const std::map<Ref, const v1::Declared*>& declared)
      : objects_(objects), declared_(declared) {}

  void Check(const v1::Declared& declared, bool certain, Problems& problems) {
    const Resource& source = declared.resource();
    for (int i = 0; i < source.git_source().spec().after_size(); ++i) {
      const std::string& name = source.git_source().spec().after(i);
      const std::string path = absl::StrCat("spec.after[", i, "]");
      if (Find(name) != nullptr) {
        std::vector<std::string> way = {source.metadata().name()};
        std::set<std::string> seen;
        if (Reaches(name, source.metadata().name(), seen, way) && !AllDeclared(way)) {
          Add(declared, "reference_cycle", path,
              absl::StrCat("it would wait for itself: ", absl::StrJoin(way, " -> ")), problems);
        }
      } else if (certain) {
        const std::string nearest = Nearest(name, Names());
        Add(declared, "unknown_source", path,
            absl::StrCat("there is no git_source \"", name, "\"",
                         nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")),
            problems);
      }
    }
  }

 private:
  static Ref SourceRef(const std::string& name) { return {Kind::kGitSource, "", name}; }

  // As it will be.
  const Resource* Find(const std::string& name) const {
    const auto declared = declared_.find(SourceRef(name));
    return declared != declared_.end() ? &declared->second->resource()
                                       : objects_.Find(SourceRef(name));
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    objects_.ForEach([&](const Resource& object) {
      if (object.has_git_source()) names.push_back(object.metadata().name());
    });
    return names;
  }

  // Whether `from` waits for `to`, through others or not; `way` is then how. Sources are few
  // (limits::kGitSources), so that the depth is, too.
  bool Reaches(const std::string& from, const std::string& to, std::set<std::string>& seen,
               std::vector<std::string>& way) const {
    way.push_back(from);
    if (from == to) return true;
    const Resource* source = seen.insert(from).second ? Find(from) : nullptr;
    if (source != nullptr) {
      for (const std::string& next : source->git_source().spec().after()) {
        if (Reaches(next, to, seen, way)) return true;
      }
    }
    way.pop_back();
    return false;
  }

  bool AllDeclared(const std::vector<std::string>& way) const {
    return std::all_of(way.begin(), way.end(), [&](const std::string& name) {
      return declared_.contains(SourceRef(name));
    });
  }

  static void Add(const v1::Declared& declared, ProblemCode code, const std::string& path,
                  const std::string& message, Problems& problems) {
    Problem& problem = problems.Error(code, path, message);
    *problem.mutable_ref() = ToProto(RefOf(declared.resource()));
    SetPosition(declared.source(), problem);
  }

  const Objects& objects_;
  const std::map<Ref, const v1::Declared*>& declared_;
};

}  // namespace

void CheckSourceOrder(const Objects& objects, const std::map<Ref, const v1::Declared*>& declared,
                      bool certain, Problems& problems) {
  OrderChecker checker(objects, declared);
  for (const auto& [ref, object] : declared) {
    if (ref.kind == Kind::kGitSource) checker.Check(*object, certain, problems);
  }
}

}  // namespace espalier
