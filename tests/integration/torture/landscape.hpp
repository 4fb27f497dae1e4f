// The resources of the torture and what a write does to them. The faulty upstream keeps its state
// in it, and the checker walks the journal with it: both speak of versions only as "the id of the
// write that made this".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::torture {

// Unique over a whole run. Zero is no write: what was never written, or is absent.
using WriteId = std::uint64_t;
inline constexpr WriteId no_write = 0;

enum class Kind { document, collection, member };
enum class Method { put, patch, remove, post };

[[nodiscard]] std::string_view name_of(Method method);
[[nodiscard]] std::optional<Method> method_named(std::string_view name);

// Who chooses the name of a member that is created. Where the API does (POST), ifmatch cannot know
// which name it will be, so that only `serialize: [POST]` keeps a PUT off the same name.
enum class Naming {
  by_client,  // PUT with If-None-Match: *
  by_api,     // POST
  by_both,    // on the route that serialises POST
};

struct Resource {
  std::string path;
  Kind kind = Kind::document;
  std::size_t collection = 0;  // of a member: the index of what it is in
  Naming naming = Naming::by_client;
};

// All resources: under each root (one per kind of route) a hot document, some others, one nested
// below another, and collections with a fixed number of places for members.
class Landscape {
 public:
  Landscape();

  [[nodiscard]] const std::vector<Resource>& resources() const { return resources_; }
  [[nodiscard]] const Resource& operator[](std::size_t index) const { return resources_[index]; }
  [[nodiscard]] std::size_t size() const { return resources_.size(); }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view path) const;
  // The hot document of each root.
  [[nodiscard]] const std::vector<std::size_t>& hot() const { return hot_; }
  // The collection that most of those who write to a collection meet at.
  [[nodiscard]] std::size_t crowded() const { return crowded_; }
  // The places for members of a collection: [first, first + members_max).
  [[nodiscard]] std::size_t first_member(std::size_t collection) const { return collection + 1; }

  static constexpr std::size_t members_max = 12;

 private:
  std::vector<Resource> resources_;
  std::vector<std::size_t> hot_;
  std::size_t crowded_ = 0;
};

// Which write made what is there now. A collection shows its members, so that every change of a
// member is a change of the collection; replacing a collection removes its members.
class State {
 public:
  explicit State(const Landscape& landscape)
      : landscape_(landscape), current_(landscape.size(), no_write) {}

  [[nodiscard]] WriteId current(std::size_t resource) const { return current_[resource]; }
  // A collection is always there.
  [[nodiscard]] bool exists(std::size_t resource) const {
    return landscape_[resource].kind == Kind::collection || current_[resource] != no_write;
  }
  // A place for a new member that the API may name; nothing when there is none.
  [[nodiscard]] std::optional<std::size_t> free_member(std::size_t collection) const;

  // Makes the change. For a POST `resource` is the new member. Returns every resource that shows
  // another write now.
  std::vector<std::size_t> apply(Method method, std::size_t resource, WriteId id);

 private:
  const Landscape& landscape_;
  std::vector<WriteId> current_;
};

// The content of a write, and of the document that it makes: `padding` more octets.
[[nodiscard]] std::string content_of(WriteId id, WriteId base, std::size_t padding);
// A number in the content; nothing where there is none.
[[nodiscard]] std::optional<std::uint64_t> number_in(std::string_view content,
                                                     std::string_view member);

}  // namespace ifmatch::torture
