#include "tests/integration/torture/landscape.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace ifmatch::torture {
namespace {

constexpr std::array<std::pair<Method, std::string_view>, 4> methods{{{Method::put, "PUT"},
                                                                      {Method::patch, "PATCH"},
                                                                      {Method::remove, "DELETE"},
                                                                      {Method::post, "POST"}}};
// The route that serialises POST is for this one.
constexpr std::string_view root_that_serialises = "/waiting";
constexpr int plain_documents = 3;
constexpr int collections = 2;

}  // namespace

std::string_view name_of(Method method) {
  for (const auto& [known, name] : methods) {
    if (known == method) return name;
  }
  return {};
}

std::optional<Method> method_named(std::string_view name) {
  for (const auto& [method, known] : methods) {
    if (known == name) return method;
  }
  return std::nullopt;
}

Landscape::Landscape() {
  for (const std::string root : {"/confirm", "/recorded", "/waiting"}) {
    hot_.push_back(resources_.size());
    resources_.push_back({root + "/hot", Kind::document, 0, Naming::by_client});
    for (int number = 1; number <= plain_documents; ++number) {
      resources_.push_back(
          {root + "/plain" + std::to_string(number), Kind::document, 0, Naming::by_client});
    }
    resources_.push_back({root + "/plain1/notes/nested", Kind::document, 0, Naming::by_client});
    for (int number = 1; number <= collections; ++number) {
      const std::size_t collection = resources_.size();
      const std::string path = root + "/list" + std::to_string(number);
      if (crowded_ == 0) crowded_ = collection;
      resources_.push_back({path, Kind::collection, 0, Naming::by_client});
      for (std::size_t member = 0; member < members_max; ++member) {
        Naming naming = member % 2 == 0 ? Naming::by_api : Naming::by_client;
        if (root == root_that_serialises) naming = Naming::by_both;
        resources_.push_back(
            {path + "/" + std::to_string(member), Kind::member, collection, naming});
      }
    }
  }
}

std::optional<std::size_t> Landscape::find(std::string_view path) const {
  for (std::size_t index = 0; index < resources_.size(); ++index) {
    if (resources_[index].path == path) return index;
  }
  return std::nullopt;
}

std::optional<std::size_t> State::free_member(std::size_t collection) const {
  const std::size_t first = landscape_.first_member(collection);
  for (std::size_t member = first; member < first + Landscape::members_max; ++member) {
    const bool ours = landscape_[member].naming != Naming::by_client;
    if (ours && current_[member] == no_write) return member;
  }
  return std::nullopt;
}

std::vector<std::size_t> State::apply(Method method, std::size_t resource, WriteId id) {
  std::vector<std::size_t> changed{resource};
  current_[resource] = method == Method::remove ? no_write : id;
  const Resource& what = landscape_[resource];
  if (what.kind == Kind::member) {
    current_[what.collection] = id;
    changed.push_back(what.collection);
  }
  if (what.kind == Kind::collection) {
    const std::size_t first = landscape_.first_member(resource);
    for (std::size_t member = first; member < first + Landscape::members_max; ++member) {
      if (std::exchange(current_[member], no_write) != no_write) changed.push_back(member);
    }
  }
  return changed;
}

std::string content_of(WriteId id, WriteId base, std::size_t padding) {
  return "{\"id\":" + std::to_string(id) + ",\"base\":" + std::to_string(base) + ",\"padding\":\"" +
         std::string(padding, 'x') + "\"}";
}

std::optional<std::uint64_t> number_in(std::string_view content, std::string_view member) {
  const std::string key = "\"" + std::string(member) + "\":";
  const auto at = content.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t number = 0;
  const char* const last = content.data() + content.size();
  const auto [stop, error] = std::from_chars(content.data() + at + key.size(), last, number);
  // A number at the very end may have been cut off.
  if (error != std::errc{} || stop == last) return std::nullopt;
  return number;
}

}  // namespace ifmatch::torture
