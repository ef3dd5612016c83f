#include "ledger/engine/comet/abci_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio.hpp>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "ledger/engine/comet/frame.h"

namespace assay::ledger::comet {
namespace {

namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kWriteBytes = 1024 * 1024;  // more than this is not kept waiting for a Flush
constexpr size_t kMaxWaitingBytes = kMaxFrameBytes + kReadBytes;  // any frame fits

abci::Response exception(std::string text) {
    abci::Response response;
    response.mutable_exception()->set_error(std::move(text));
    return response;
}

}  // namespace

struct AbciServer::Parts {
    explicit Parts(Handler given) : handler(std::move(given)) {}

    // Requests are taken off the socket while earlier ones are answered: CometBFT 0.38 burns a
    // processor on its flush timer (of 20 ns) while a write of its own waits.
    struct Session {
        explicit Session(Socket given) : socket(std::move(given)) {}
        Socket socket;
        std::thread reading;
        std::thread answering;
        std::mutex mutex;
        std::condition_variable changed;
        FrameReader frames;   // guarded by mutex
        bool at_end = false;  // guarded by mutex: nothing more comes, or nothing more is wanted
        bool done = false;    // guarded by the server's mutex
    };

    void accept_all();
    static void read_all(Session& session);
    void answer_all(Session& session);
    bool answer(Session& session, ByteView frame, Bytes& out);
    void forget_finished();

    const Handler handler;
    std::string path;
    asio::io_context context;
    asio::local::stream_protocol::acceptor acceptor{context};
    std::thread accepting;
    std::mutex mutex;
    std::list<Session> sessions;  // guarded by mutex
    bool stopping = false;        // guarded by mutex
};

void AbciServer::Parts::forget_finished() {
    for (auto it = sessions.begin(); it != sessions.end();) {
        const auto session = it++;
        if (!session->done) continue;
        session->reading.join();
        session->answering.join();
        sessions.erase(session);
    }
}

void AbciServer::Parts::accept_all() {
    while (true) {
        boost::system::error_code error;
        Socket socket(context);
        acceptor.accept(socket, error);
        const std::lock_guard lock(mutex);
        if (stopping) return;
        if (error) continue;
        forget_finished();
        if (sessions.size() >= kMaxConnections) continue;  // closes it
        Session& session = sessions.emplace_back(std::move(socket));
        session.reading = std::thread([&session] { read_all(session); });
        session.answering = std::thread([this, &session] { answer_all(session); });
    }
}

void AbciServer::Parts::read_all(Session& session) {
    std::array<uint8_t, kReadBytes> buffer;
    while (true) {
        boost::system::error_code error;
        const size_t count = session.socket.read_some(asio::buffer(buffer), error);
        std::unique_lock lock(session.mutex);
        session.changed.wait(lock, [&] {
            return session.at_end || session.frames.waiting() + count <= kMaxWaitingBytes;
        });
        if (error) session.at_end = true;
        if (!session.at_end) session.frames.feed({buffer.data(), count});
        session.changed.notify_one();
        if (session.at_end) return;
    }
}

bool write_out(Socket& socket, Bytes& out) {
    boost::system::error_code error;
    asio::write(socket, asio::buffer(out), error);
    out.clear();
    return !error;
}

void AbciServer::Parts::answer_all(Session& session) {
    Bytes out;
    bool goes_on = true;
    while (goes_on) {
        std::unique_lock lock(session.mutex);
        auto frame = session.frames.next();
        if (frame.ok() && !frame->has_value()) {
            // A part of a frame may wait: the engine sends a Flush after what it wants answered.
            if (!out.empty() && session.frames.waiting() == 0) {
                lock.unlock();
                goes_on = write_out(session.socket, out);
                continue;
            }
            if (session.at_end) break;
            session.changed.wait(lock);
            continue;
        }
        session.changed.notify_one();
        lock.unlock();
        if (frame.ok()) {
            goes_on = answer(session, **frame, out);
        } else {
            append_frame(exception(frame.error().message), out);
            (void)write_out(session.socket, out);
            goes_on = false;
        }
    }
    boost::system::error_code ignored;
    session.socket.shutdown(Socket::shutdown_both, ignored);
    {
        const std::lock_guard lock(session.mutex);
        session.at_end = true;
        session.changed.notify_one();
    }
    const std::lock_guard lock(mutex);
    session.done = true;
}

// False when the connection cannot go on.
bool AbciServer::Parts::answer(Session& session, ByteView frame, Bytes& out) {
    abci::Request request;
    const bool decoded = request.ParseFromArray(frame.data(), static_cast<int>(frame.size()));
    append_frame(decoded ? handler(request) : exception("the request is no protobuf message"), out);
    if (decoded && !request.has_flush() && out.size() <= kWriteBytes) return true;
    return write_out(session.socket, out) && decoded;
}

AbciServer::AbciServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Result<std::unique_ptr<AbciServer>> AbciServer::listen(const std::string& path, Handler handler) {
    auto parts = std::make_unique<Parts>(std::move(handler));
    constexpr size_t kMaxPath = 107;  // of sockaddr_un
    if (path.size() > kMaxPath) {
        return fail(Code::kInvalidArgument, "the socket " + path + " has a path of more than " +
                                                std::to_string(kMaxPath) +
                                                " bytes. Remedy: a home with a shorter path");
    }
    parts->path = path;
    ::unlink(path.c_str());
    try {
        const asio::local::stream_protocol::endpoint endpoint(path);
        parts->acceptor.open(endpoint.protocol());
        parts->acceptor.bind(endpoint);
        parts->acceptor.listen();
    } catch (const boost::system::system_error& error) {
        return fail(Code::kUnavailable, "cannot listen on " + path + ": " + error.what());
    }
    std::unique_ptr<AbciServer> server(new AbciServer(std::move(parts)));
    Parts& running = *server->parts_;
    running.accepting = std::thread([&running] { running.accept_all(); });
    return server;
}

void AbciServer::stop() {
    {
        const std::lock_guard lock(parts_->mutex);
        if (parts_->stopping) return;
        parts_->stopping = true;
        for (Parts::Session& session : parts_->sessions) {
            boost::system::error_code ignored;
            session.socket.shutdown(Socket::shutdown_both, ignored);
        }
    }
    // Wakes accept(), also where the socket's file is gone.
    ::shutdown(parts_->acceptor.native_handle(), SHUT_RDWR);
    parts_->accepting.join();
    for (Parts::Session& session : parts_->sessions) {
        session.reading.join();
        session.answering.join();
    }
    ::unlink(parts_->path.c_str());
}

AbciServer::~AbciServer() {
    stop();
}

}  // namespace assay::ledger::comet
