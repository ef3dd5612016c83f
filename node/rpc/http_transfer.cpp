#include "node/rpc/http_transfer.h"

#include <unistd.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/http/file_body.hpp>

namespace assay::node {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace fs = std::filesystem;

template <typename Body>
void set_head(http::response<Body>& response, const std::string& type) {
    set_common_fields(response);
    response.set(http::field::content_type, type);
    response.keep_alive(false);
}

// What both directions share: the connection, its place among the transfers, and how it ends.
class Transfer : public Session, public std::enable_shared_from_this<Transfer> {
public:
    Transfer(ServerState& state, beast::tcp_stream stream, ConnectionSlot slot)
        : state_(state),
          slot_(std::move(slot)),
          has_place_(++state.counters.transfers <= state.config.max_transfers),
          stream_(std::move(stream)) {}
    ~Transfer() override {
        --state_.counters.transfers;
        state_.leave(id_);
    }

    void start() {
        id_ = state_.enter(shared_from_this());
        net::dispatch(stream_.get_executor(), [self = shared_from_this()] {
            if (self->has_place_) return self->begin();
            self->respond({.status = 503,
                           .body = "at most " + std::to_string(self->state_.config.max_transfers) +
                                   " transfers at a time: try again later\n"});
        });
    }
    void close() override {
        net::post(stream_.get_executor(), [self = shared_from_this()] { self->stream_.close(); });
    }
    void poke() override {}

protected:
    virtual void begin() = 0;

    void expect_progress() {
        stream_.expires_after(std::chrono::milliseconds(state_.config.idle_timeout_ms));
    }

    // Runs `work` on a worker, then `done` with its result on the strand.
    template <typename Work, typename Done>
    void on_worker(Work work, Done done) {
        stream_.expires_never();
        state_.post_work([self = shared_from_this(), work, done] {
            try {
                auto result = work();
                net::post(self->stream_.get_executor(),
                          [self, done, result = std::move(result)]() mutable {
                              done(std::move(result));
                          });
            } catch (const std::exception& error) {
                net::post(self->stream_.get_executor(),
                          [self, text = std::string("internal: ") + error.what() + "\n"] {
                              self->respond({.status = 500, .body = text});
                          });
            }
        });
    }

    // From here on the peer must keep the pace.
    void start_clock() { started_ = std::chrono::steady_clock::now(); }

    // False when the peer is too slow: it would hold its place for days, a byte at a time.
    bool keeps_pace(size_t count) {
        moved_ += count;
        const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - started_);
        const auto passed_ms = static_cast<uint64_t>(passed.count());
        if (passed_ms <= state_.config.transfer_grace_ms) return true;
        return moved_ >= passed_ms / 1000 * state_.config.min_transfer_rate;
    }

    void respond(HttpReply reply) {
        response_.emplace(static_cast<http::status>(reply.status), 11);
        set_head(*response_, reply.type);
        response_->body() = std::move(reply.body);
        response_->prepare_payload();
        write_response();
    }

    void respond_head(uint64_t size, const std::string& type) {
        response_.emplace(http::status::ok, 11);
        set_head(*response_, type);
        response_->content_length(size);
        write_response();
    }

    void write_response() {
        expect_progress();
        http::async_write(stream_, *response_, [self = shared_from_this()](auto error, size_t) {
            if (!error) self->end();
        });
    }

    // Reads what the peer still sends, so that closing does not cut off the answer it should see.
    void end() {
        beast::error_code ignored;
        stream_.socket().shutdown(net::ip::tcp::socket::shutdown_send, ignored);
        drain();
    }

    ServerState& state_;
    ConnectionSlot slot_;
    const bool has_place_;
    uint64_t id_ = 0;
    beast::tcp_stream stream_;

private:
    void drain() {
        if (drained_ > state_.config.max_body_bytes) return;
        stream_.async_read_some(net::buffer(scratch_),
                                [self = shared_from_this()](auto error, size_t count) {
                                    self->drained_ += count;
                                    if (!error) self->drain();
                                });
    }

    std::optional<http::response<http::string_body>> response_;
    std::chrono::steady_clock::time_point started_;
    uint64_t moved_ = 0;
    std::array<char, 16u << 10> scratch_{};
    size_t drained_ = 0;
};

class Upload : public Transfer {
public:
    Upload(ServerState& state, beast::tcp_stream stream, ConnectionSlot slot,
           beast::flat_buffer buffer, RequestParser&& parser)
        : Transfer(state, std::move(stream), std::move(slot)),
          buffer_(std::move(buffer)),
          parser_(std::move(parser)) {}
    ~Upload() override { discard(); }

private:
    std::shared_ptr<Upload> self() { return std::static_pointer_cast<Upload>(shared_from_this()); }

    void discard() {
        std::error_code ignored;
        if (!file_.empty()) fs::remove(file_, ignored);
    }

    // Empty when the disk has room.
    std::string missing_room() const {
        const HttpConfig& config = state_.config;
        constexpr uint64_t kCopies = 3;  // the file, what it is converted to, its chunks
        const auto length = parser_.content_length();
        const uint64_t most =
            std::min<uint64_t>(length ? *length : config.max_upload_bytes, config.max_upload_bytes);
        const uint64_t wanted = kCopies * most + config.min_free_bytes;
        std::error_code error;
        const auto space = fs::space(config.upload_folder, error);
        if (error || space.available >= wanted) return "";
        return "the node's disk has " + std::to_string(space.available) +
               " bytes free; an upload " +
               (length ? "of this length" : "that announces no length") + " needs " +
               std::to_string(wanted) + "\n";
    }

    void begin() override {
        if (auto text = missing_room(); !text.empty())
            return respond({.status = 507, .body = std::move(text)});
        start_clock();
        std::string name = (state_.config.upload_folder / "upload.XXXXXX").string();
        const int made = ::mkstemp(name.data());
        beast::error_code error;
        if (made >= 0) {
            ::close(made);
            file_ = name;
            parser_.get().body().open(name.c_str(), beast::file_mode::write, error);
        }
        if (made < 0 || error)
            return respond({.status = 500, .body = "the node cannot write a file for this\n"});
        parser_.body_limit(state_.config.max_upload_bytes);
        if (parser_.get()[http::field::expect] != "100-continue") return read_some();
        interim_ = http::response<http::empty_body>(http::status::continue_, 11);
        expect_progress();
        http::async_write(stream_, *interim_, [me = self()](auto write_error, size_t) {
            if (!write_error) me->read_some();
        });
    }

    void read_some() {
        if (state_.stopping) return;
        if (parser_.is_done()) return finish();
        expect_progress();
        http::async_read_some(stream_, buffer_, parser_, [me = self()](auto error, size_t count) {
            if (error == http::error::body_limit) return me->refuse_size();
            if (error) return;
            if (!me->parser_.is_done() && !me->keeps_pace(count)) return me->refuse_pace();
            me->read_some();
        });
    }

    void refuse_size() {
        discard();
        respond({.status = 413, .body = upload_limit_text(state_.config)});
    }

    void refuse_pace() {
        discard();
        respond({.status = 408,
                 .body = "an upload moves at least " +
                         std::to_string(state_.config.min_transfer_rate) + " bytes a second\n"});
    }

    void finish() {
        const std::string target(parser_.get().target());
        const size_t mark = std::min(target.find('?'), target.size());
        parser_.get().body().close();
        const std::string query = target.substr(std::min(mark + 1, target.size()));
        on_worker(
            [me = self(), query] {
                auto reply = me->state_.hooks.upload(me->file_, query);
                me->discard();  // before the answer: what it took is taken
                return reply;
            },
            [me = self()](HttpReply reply) { me->respond(std::move(reply)); });
    }

    beast::flat_buffer buffer_;
    http::request_parser<http::file_body> parser_;
    std::optional<http::response<http::empty_body>> interim_;
    fs::path file_;
};

class Download : public Transfer {
public:
    Download(ServerState& state, beast::tcp_stream stream, ConnectionSlot slot, std::string path,
             bool head)
        : Transfer(state, std::move(stream), std::move(slot)),
          path_(std::move(path)),
          head_(head) {}

private:
    using Response = http::response<http::file_body>;
    static constexpr const char* kType = "application/octet-stream";
    std::shared_ptr<Download> self() {
        return std::static_pointer_cast<Download>(shared_from_this());
    }

    void begin() override {
        if (head_ && state_.hooks.download_size) {
            return on_worker([me = self()] { return me->state_.hooks.download_size(me->path_); },
                             [me = self()](std::optional<uint64_t> size) {
                                 if (size) return me->respond_head(*size, kType);
                                 me->make_file();
                             });
        }
        make_file();
    }

    void make_file() {
        on_worker([me = self()] { return me->state_.hooks.download(me->path_); },
                  [me = self()](HttpFile file) { me->send(std::move(file)); });
    }

    void send(HttpFile file) {
        if (file.file.empty()) return respond(std::move(file.refusal));
        file_ = std::move(file);
        beast::error_code error;
        response_.emplace(http::status::ok, 11);
        set_head(*response_, kType);
        response_->body().open(file_.file.c_str(), beast::file_mode::scan, error);
        if (error) return respond({.status = 500, .body = "the node cannot read its file\n"});
        response_->prepare_payload();
        serializer_.emplace(*response_);
        serializer_->split(head_);
        start_clock();
        write_some();
    }

    void write_some() {
        if (state_.stopping) return;
        if (serializer_->is_done() || (head_ && serializer_->is_header_done())) return end();
        expect_progress();
        const auto next = [me = self()](auto error, size_t count) {
            if (error) return;
            if (me->serializer_->is_done() || me->keeps_pace(count)) me->write_some();
        };
        if (head_) return http::async_write_header(stream_, *serializer_, next);
        http::async_write_some(stream_, *serializer_, next);
    }

    const std::string path_;
    const bool head_;
    HttpFile file_;
    std::optional<Response> response_;
    std::optional<http::response_serializer<http::file_body>> serializer_;
};

}  // namespace

std::string upload_limit_text(const HttpConfig& config) {
    return "an upload has at most " + std::to_string(config.max_upload_bytes) + " bytes\n";
}

void start_upload(ServerState& state, beast::tcp_stream stream, ConnectionSlot slot,
                  beast::flat_buffer buffer, RequestParser&& parser) {
    std::make_shared<Upload>(state, std::move(stream), std::move(slot), std::move(buffer),
                             std::move(parser))
        ->start();
}

void start_download(ServerState& state, beast::tcp_stream stream, ConnectionSlot slot,
                    std::string path, bool head) {
    std::make_shared<Download>(state, std::move(stream), std::move(slot), std::move(path), head)
        ->start();
}

}  // namespace assay::node
