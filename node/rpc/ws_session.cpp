#include "node/rpc/ws_session.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <deque>

namespace assay::node {
namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using Request = beast::http::request<beast::http::string_body>;

constexpr size_t kCursorSteps = 16;  // per subscription and turn
constexpr auto kHandshakeTimeout = std::chrono::seconds(10);

std::string notification(const std::string& id, const std::string& result) {
    return R"({"jsonrpc":"2.0","method":"assay_subscription","params":{"subscription":")" + id +
           R"(","result":)" + result + "}}";
}

class WsSession : public Session,
                  public Subscriber,
                  public std::enable_shared_from_this<WsSession> {
public:
    WsSession(ServerState& state, beast::tcp_stream stream, ConnectionSlot slot, Role role)
        : state_(state), slot_(std::move(slot)), ws_(std::move(stream)), role_(role) {}
    ~WsSession() override {
        state_.counters.subscriptions -= subscriptions_.size() + added_.size();
        state_.leave(id_);
    }

    void start(Request request) {
        id_ = state_.enter(shared_from_this());
        request_ = std::move(request);
        net::dispatch(ws_.get_executor(), [self = shared_from_this()] { self->handshake(); });
    }

    void close() override {
        net::post(ws_.get_executor(),
                  [self = shared_from_this()] { beast::get_lowest_layer(self->ws_).close(); });
    }
    void poke() override {
        net::post(ws_.get_executor(), [self = shared_from_this()] { self->pump(); });
    }

    // Subscriber: called by this session's own request, on a worker thread.
    Result<std::string> add(std::unique_ptr<Cursor> cursor) override {
        const std::lock_guard lock(mutex_);
        if (subscriptions_.size() + added_.size() >= state_.config.max_subscriptions)
            return fail(Code::kLimit, "a connection holds at most " +
                                          std::to_string(state_.config.max_subscriptions) +
                                          " subscriptions: end one, or open another connection");
        const std::string id = "0x" + to_hex_number(++last_subscription_);
        added_.emplace(id, std::move(cursor));
        ++state_.counters.subscriptions;
        return id;
    }
    bool remove(const std::string& id) override {
        const std::lock_guard lock(mutex_);
        if (subscriptions_.erase(id) + added_.erase(id) == 0) return false;
        --state_.counters.subscriptions;
        return true;
    }

private:
    using Subscriptions = std::map<std::string, std::shared_ptr<Cursor>>;

    static std::string to_hex_number(uint64_t value) {
        constexpr char digits[] = "0123456789abcdef";
        std::string text;
        for (; value != 0; value >>= 4) text.insert(text.begin(), digits[value & 15]);
        return text;
    }

    void handshake() {
        websocket::stream_base::timeout timeouts{};
        timeouts.handshake_timeout = kHandshakeTimeout;
        timeouts.idle_timeout = std::chrono::milliseconds(state_.config.idle_timeout_ms);
        timeouts.keep_alive_pings = true;
        ws_.set_option(timeouts);
        ws_.read_message_max(state_.config.max_body_bytes);
        ws_.async_accept(request_, [self = shared_from_this()](auto error) {
            if (!error) self->read();
        });
    }

    void read() {
        if (state_.stopping || reading_ || busy_ || queued_bytes_ > state_.config.max_write_queue)
            return;
        reading_ = true;
        ws_.async_read(buffer_, [self = shared_from_this()](auto error, size_t) {
            self->reading_ = false;
            if (!error && !self->state_.stopping) self->on_message();
        });
    }

    void on_message() {
        ++state_.counters.requests;
        busy_ = true;
        auto text = std::make_shared<std::string>(beast::buffers_to_string(buffer_.data()));
        buffer_.clear();
        state_.post_work([self = shared_from_this(), text] {
            const CallContext caller{
                .role = self->role_, .subscriber = self.get(), .stopping = &self->state_.stopping};
            auto reply = self->state_.hooks.rpc(*text, caller);
            net::post(self->ws_.get_executor(), [self, reply = std::move(reply)]() mutable {
                self->busy_ = false;
                if (reply) self->send(std::move(*reply));
                self->activate_added();
                self->read();
                self->pump();
            });
        });
    }

    // A subscription delivers only after the reply that names it.
    void activate_added() {
        const std::lock_guard lock(mutex_);
        subscriptions_.merge(added_);
        added_.clear();
    }

    // Asks every cursor for more, on a worker, unless one is at it or the reader is behind.
    void pump() {
        again_ = true;
        if (state_.stopping || pumping_ || queued_bytes_ > state_.config.max_write_queue) return;
        again_ = false;
        Subscriptions turn;
        {
            const std::lock_guard lock(mutex_);
            turn = subscriptions_;
        }
        if (turn.empty()) return;
        pumping_ = true;
        state_.post_work([self = shared_from_this(), turn = std::move(turn)] {
            auto messages = std::make_shared<std::vector<std::string>>();
            const bool more = self->advance(turn, *messages);
            net::post(self->ws_.get_executor(), [self, messages, more] {
                self->pumping_ = false;
                self->again_ = self->again_ || more;
                self->state_.counters.notifications += messages->size();
                for (std::string& message : *messages) self->send(std::move(message));
                if (self->again_) self->pump();
            });
        });
    }

    bool advance(const Subscriptions& turn, std::vector<std::string>& messages) {
        bool more = false;
        for (const auto& [id, cursor] : turn) {
            std::vector<std::string> results;
            size_t steps = 0;
            while (steps < kCursorSteps && cursor->next(results)) ++steps;
            more = more || steps == kCursorSteps;
            const std::lock_guard lock(mutex_);
            if (subscriptions_.count(id) == 0) continue;  // removed meanwhile
            for (const std::string& result : results) messages.push_back(notification(id, result));
        }
        return more;
    }

    void send(std::string message) {
        queued_bytes_ += message.size();
        queue_.push_back(std::move(message));
        if (queue_.size() == 1) write();
    }

    void write() {
        ws_.text(true);
        ws_.async_write(net::buffer(queue_.front()),
                        [self = shared_from_this()](auto error, size_t) {
                            if (!error) self->on_written();
                        });
    }

    void on_written() {
        queued_bytes_ -= queue_.front().size();
        queue_.pop_front();
        if (!queue_.empty()) return write();
        read();
        if (again_) pump();
    }

    ServerState& state_;
    ConnectionSlot slot_;
    uint64_t id_ = 0;
    // Used on the strand only.
    websocket::stream<beast::tcp_stream> ws_;
    beast::flat_buffer buffer_;
    Request request_;
    const Role role_;
    std::deque<std::string> queue_;
    size_t queued_bytes_ = 0;
    bool reading_ = false;
    bool busy_ = false;     // a request is with a worker
    bool pumping_ = false;  // cursors are with a worker
    bool again_ = false;    // something came while they were

    std::mutex mutex_;
    // Guarded by mutex_.
    Subscriptions subscriptions_;
    Subscriptions added_;  // by the request under way
    uint64_t last_subscription_ = 0;
};

}  // namespace

void start_ws_session(ServerState& state, beast::tcp_stream stream, ConnectionSlot slot,
                      Request request, Role role) {
    std::make_shared<WsSession>(state, std::move(stream), std::move(slot), role)
        ->start(std::move(request));
}

}  // namespace assay::node
