// Objects: what a plan reads, an immutable set of objects at one revision. The server has the real
// one; tests use a map.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "engine/model/kind.h"
#include "engine/model/ref.h"

namespace espalier {

class Objects {
 public:
  virtual ~Objects() = default;
  // Null if there is none. Valid as long as this object.
  virtual const Resource* Find(const Ref& ref) const = 0;
  // All objects, in order of kind, namespace and name.
  virtual void ForEach(absl::FunctionRef<void(const Resource&)> visit) const = 0;
  // Those of one kind in one namespace, in order of their names.
  virtual void ForEachIn(Kind kind, const std::string& ns,
                         absl::FunctionRef<void(const Resource&)> visit) const {
    ForEach([&](const Resource& object) {
      const Ref ref = RefOf(object);
      if (ref.kind == kind && ref.ns == ns) visit(object);
    });
  }
  // The revision that this is the state of.
  virtual std::int64_t revision() const = 0;
};

// What earlier previews of the same plan would make: VMs and pools.
using EarlierObjects = std::vector<std::shared_ptr<const Resource>>;  // shared by previews

// Objects in a map, for tests and for what is planned on top of a plan.
class ObjectsInMap final : public Objects {
 public:
  explicit ObjectsInMap(std::int64_t revision = 1) : revision_(revision) {}
  void Put(Resource resource) {
    const Ref ref = RefOf(resource);
    objects_[ref] = std::move(resource);
  }
  const Resource* Find(const Ref& ref) const override {
    const auto found = objects_.find(ref);
    return found == objects_.end() ? nullptr : &found->second;
  }
  void ForEach(absl::FunctionRef<void(const Resource&)> visit) const override {
    for (const auto& [ref, resource] : objects_) visit(resource);
  }
  std::int64_t revision() const override { return revision_; }

 private:
  std::int64_t revision_;
  std::map<Ref, Resource> objects_;
};

}  // namespace espalier
