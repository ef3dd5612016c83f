// One WebSocket connection: JSON-RPC requests in turn, and notifications of its subscriptions.
// Private to node/rpc.
//
// Flow control: a request is read only when the previous one is answered and the write queue is
// below its limit; cursors are asked for more only then, too. A slow reader therefore falls behind
// and costs no memory; one that stops reading is closed by the idle timeout.
// Ownership and threads: as server_state.h. Errors: a failed operation ends the connection.
#pragma once

#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include "node/rpc/server_state.h"

namespace assay::node {

void start_ws_session(ServerState& state, boost::beast::tcp_stream stream, ConnectionSlot slot,
                      boost::beast::http::request<boost::beast::http::string_body> request,
                      Role role);

}  // namespace assay::node
