#include "tests/support/document_store.hpp"

namespace ifmatch::support {
namespace {

bool is_read(const Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

std::string path_of(const Request& request) {
  return request.target.substr(0, request.target.find('?'));
}

}  // namespace

ScriptedUpstream::Behaviour DocumentStore::behaviour() {
  return [this](const Request& request) {
    Reply reply;
    {
      const std::lock_guard lock(mutex_);
      reply.delay = Milliseconds(std::uniform_int_distribution<>(
          0, static_cast<int>(options_.work_time_max.count()))(chance_));
    }
    reply.later = [this, request] { return apply(request); };
    return reply;
  };
}

Reply DocumentStore::apply(const Request& request) {
  const std::lock_guard lock(mutex_);
  const std::string path = path_of(request);
  if (is_read(request)) {
    Reply reply;
    const auto found = documents_.find(path);
    if (found == documents_.end()) {
      reply.status = 404;
      return reply;
    }
    reply.fields = options_.fields;
    reply.fields.emplace_back("Content-Type", "application/json");
    reply.body = found->second;
    return reply;
  }
  const double draw = std::uniform_real_distribution<>(0, 1)(chance_);
  Reply unanswered;
  unanswered.mishap = Mishap::close_unanswered;
  if (draw < options_.drop_before_applying) return unanswered;
  Reply reply = apply_write(request, path);
  return draw < options_.drop_before_applying + options_.apply_then_drop ? unanswered : reply;
}

Reply DocumentStore::apply_write(const Request& request, const std::string& path) {
  Reply reply;
  const auto found = documents_.find(path);
  const bool exists = found != documents_.end();
  if (request.method == "DELETE") {
    reply.status = exists ? 204 : 404;
    if (exists) {
      documents_.erase(found);
      applied_.push_back({request.method, path, request.body});
    }
    return reply;
  }
  reply.fields = options_.fields;
  reply.fields.emplace_back("Content-Type", "application/json");
  reply.body = request.body;
  if (request.method == "POST") {
    const std::string member = path + "/" + std::to_string(++created_);
    documents_[member] = request.body;
    applied_.push_back({request.method, member, request.body});
    reply.status = 201;
    reply.fields.emplace_back("Location", member);
  } else if (request.method == "PUT" || (request.method == "PATCH" && exists)) {
    documents_[path] = request.body;
    applied_.push_back({request.method, path, request.body});
    reply.status = exists ? 200 : 201;
  } else {
    reply.status = request.method == "PATCH" ? 404 : 405;
    reply.body.clear();
  }
  return reply;
}

void DocumentStore::put(std::string_view path, std::string_view body) {
  const std::lock_guard lock(mutex_);
  documents_[std::string(path)] = body;
}

std::optional<std::string> DocumentStore::get(std::string_view path) const {
  const std::lock_guard lock(mutex_);
  const auto found = documents_.find(path);
  if (found == documents_.end()) return std::nullopt;
  return found->second;
}

std::vector<AppliedWrite> DocumentStore::applied() const {
  const std::lock_guard lock(mutex_);
  return applied_;
}

std::vector<AppliedWrite> DocumentStore::applied(std::string_view path) const {
  std::vector<AppliedWrite> matching = applied();
  std::erase_if(matching, [path](const AppliedWrite& write) { return write.path != path; });
  return matching;
}

}  // namespace ifmatch::support
