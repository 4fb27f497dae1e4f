// The content of a request on the pass way, sent on while its answer may already be coming back.
// Runs beside pass_way(), which outlives it.
#pragma once

#include "proxy/net/chunk.hpp"
#include "proxy/net/exchange.hpp"

namespace ifmatch::net {

class Upload {
 public:
  // `trailers` is where the reader of the exchange puts them, and must outlive the upload. `pool`
  // is what the connection to the upstream comes from.
  Upload(Exchange& exchange, Connection& upstream, const UpstreamPool& pool,
         const http::Fields& trailers);
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;
  ~Upload();

  // Appends what the reader has just taken, framed for the upstream. The views live until the
  // reader is asked again.
  void append_pieces(std::vector<asio::const_buffer>& buffers);

  // Where the client waits for 100 (Continue), the content is asked for when the API says so, or
  // when it has said nothing for a while.
  void start();
  // The API has said so.
  void permit();
  // True until the content was asked for.
  [[nodiscard]] bool awaits_permission() const noexcept { return running_ && awaits_permission_; }

  // Ends it, whatever it waits for.
  [[nodiscard]] Task<void> stop();

  // Every octet was handed to the kernel.
  [[nodiscard]] bool sent_whole() const noexcept { return sent_whole_; }
  [[nodiscard]] ReadError client_error() const noexcept { return client_error_; }

 private:
  [[nodiscard]] Task<void> run();
  [[nodiscard]] Task<bool> ask_for_content();

  Exchange& exchange_;
  Connection& upstream_;
  const UpstreamPool& pool_;
  std::optional<Stall> stall_;
  const http::Fields& trailers_;
  bool chunked_;
  Timer bell_;
  bool running_ = false;
  bool stopping_ = false;
  bool awaits_permission_ = false;
  bool permitted_ = false;
  bool sent_whole_ = false;
  ReadError client_error_ = ReadError::none;
  ChunkFrame chunk_;
  std::string trailer_lines_;
};

}  // namespace ifmatch::net
