// POST /artifacts and GET /artifacts/...: files in and out of the node, a piece at a time, so that
// none is ever in memory. A connection ends with its transfer.
//
// Ownership: a transfer keeps its connection, and its file until it is over. Threads: its strand,
// and a worker for the hook. Errors: an HTTP status with a sentence; an upload that breaks off
// leaves nothing; a peer that stays below HttpConfig::min_transfer_rate loses its connection.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "node/rpc/server_state.h"

namespace assay::node {

using RequestParser = boost::beast::http::request_parser<boost::beast::http::string_body>;

// Of every answer of this server.
template <typename Message>
void set_common_fields(Message& message) {
    message.set(boost::beast::http::field::server, "assay");
    message.set(boost::beast::http::field::cache_control, "no-store");
    message.set("X-Content-Type-Options", "nosniff");
}

// Of an upload that exceeds it.
std::string upload_limit_text(const HttpConfig& config);
// `parser` has read the header, `buffer` what came after it.
void start_upload(ServerState& state, boost::beast::tcp_stream stream, ConnectionSlot slot,
                  boost::beast::flat_buffer buffer, RequestParser&& parser);
// `path` without its query; `head`: the header alone.
void start_download(ServerState& state, boost::beast::tcp_stream stream, ConnectionSlot slot,
                    std::string path, bool head);

}  // namespace assay::node
