import Base
package import NIOCore
import NIOPosix
import Synchronization

/// A service with OpenAI's API on a port of this machine: each request gets an answer of the caller's size and pace,
/// streamed, with the tokens that the service counts. It keeps connections open, and writes no faster than the other
/// side reads.
package final class ChatUpstream: Sendable {
    /// What a request asks for.
    package struct Request: Sendable {
        /// 1 for the first.
        package let number: Int
        /// The text of the last message.
        package let prompt: String
        /// Of the answer.
        package let tokensMax: Int64
    }

    package struct Answer: Sendable {
        /// One part each.
        package var tokens: Int
        package var text: String
        /// Between two parts; nil for as fast as they are read.
        package var pace: TimeAmount?
        /// The counted tokens of the conversation.
        package var input: Int64
        /// Otherwise nothing follows the last part.
        package var ends: Bool

        package init(
            tokens: Int, text: String = "word ", pace: TimeAmount? = nil, input: Int64 = 1, ends: Bool = true
        ) {
            (self.tokens, self.text, self.pace, self.input, self.ends) = (tokens, text, pace, input, ends)
        }
    }

    /// A request whose answer has begun.
    package struct Served: Sendable {
        package let request: Request
        package let answer: Answer
        /// Parts that were written.
        package fileprivate(set) var parts = 0
        /// Whether the counted tokens were written, which follow the last part.
        package fileprivate(set) var isCounted = false
    }

    private struct State {
        var served: [Served] = []
        var closed = 0
    }

    private let channel: any Channel
    private let record: Record

    private init(_ channel: any Channel, _ record: Record) { (self.channel, self.record) = (channel, record) }

    package var port: Int { channel.localAddress?.port ?? 0 }
    /// What the paths of the API follow.
    package var url: String { "http://127.0.0.1:\(port)/v1" }
    /// In the order of the requests.
    package var served: [Served] { record.state.withLock { $0.served } }
    package var servedCount: Int { record.state.withLock { $0.served.count } }
    /// Connections that have ended.
    package var closedCount: Int { record.state.withLock { $0.closed } }

    /// - Parameter answer: decides about each request, on an event loop.
    package static func start(
        on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        _ answer: @escaping @Sendable (Request) -> Answer
    ) async throws -> ChatUpstream {
        let record = Record(answer: answer)
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // A client that does not read is noticed soon.
            .childChannelOption(.socketOption(.so_sndbuf), value: 64 << 10)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    try child.pipeline.syncOperations.addHandler(Handler(record))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return ChatUpstream(channel, record)
    }

    package func stop() async { try? await channel.close() }

    /// Runs `body` with a service, which is stopped afterwards.
    package static func with(
        _ answer: @escaping @Sendable (Request) -> Answer, _ body: (ChatUpstream) async throws -> Void
    ) async throws {
        let upstream = try await start(answer)
        try await attempt {
            try await body(upstream)
        } finally: {
            await upstream.stop()
        }
    }

    private final class Record: Sendable {
        let answer: @Sendable (Request) -> Answer
        let state = Mutex(State())

        init(answer: @escaping @Sendable (Request) -> Answer) { self.answer = answer }

        /// - Returns: the place of the new request, and its answer.
        func add(_ body: JSONValue) -> (place: Int, answer: Answer) {
            let prompt = body["messages"]?.array?.last?["content"]
            let tokensMax = (body["max_tokens"] ?? body["max_completion_tokens"])?.integer ?? 0
            return state.withLock { state in
                let request = Request(
                    number: state.served.count + 1, prompt: prompt?.string ?? prompt?[0]?["text"]?.string ?? "",
                    tokensMax: tokensMax)
                let answer = answer(request)
                state.served.append(Served(request: request, answer: answer))
                return (state.served.count - 1, answer)
            }
        }

        func wrote(parts: Int, isCounted: Bool, of place: Int) {
            state.withLock { state in
                state.served[place].parts += parts
                state.served[place].isCounted = isCounted
            }
        }
    }

    // MARK: A connection

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        /// An answer that is under way.
        private struct Running {
            let place: Int
            let answer: Answer
            let part: ByteBuffer
            let started: NIODeadline
            var written = 0
        }

        private let record: Record
        private var received = ByteBuffer()
        private var running: Running?

        init(_ record: Record) { self.record = record }

        func channelInactive(context: ChannelHandlerContext) {
            running = nil
            record.state.withLock { $0.closed += 1 }
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received.writeImmutableBuffer(unwrapInboundIn(data))
            guard running == nil, let body = takeRequest() else { return }
            let (place, answer) = record.add((try? JSONValue(parsing: body.readableBytesView)) ?? .null)
            let running = Running(place: place, answer: answer, part: Self.part(answer.text), started: .now())
            self.running = running
            context.write(wrapOutboundOut(Self.head), promise: nil)
            write(context)
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) {
            if context.channel.isWritable, running?.answer.pace == nil { write(context) }
        }

        /// The body of a request that has arrived; it has a Content-Length.
        private func takeRequest() -> ByteBuffer? {
            let view = received.readableBytesView
            guard let headEnd = view.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
            let head = String(decoding: view[..<headEnd.lowerBound], as: UTF8.self).lowercased()
            let length = head.firstMatch(of: /content-length: *(\d+)/).flatMap { Int($0.1) } ?? 0
            let headBytes = headEnd.upperBound - view.startIndex
            guard received.readableBytes >= headBytes + length else { return nil }
            received.moveReaderIndex(forwardBy: headBytes)
            let body = received.readSlice(length: length)
            received.discardReadBytes()
            return body
        }

        /// Writes the parts that are due, and the end after the last one.
        private func write(_ context: ChannelHandlerContext) {
            guard var running else { return }
            var parts = 0
            while running.written < running.answer.tokens, context.channel.isWritable,
                running.answer.pace.map({ running.started + $0 * running.written <= .now() }) ?? true
            {
                context.write(wrapOutboundOut(running.part), promise: nil)
                running.written += 1
                parts += 1
                // One that is not paced leaves time to others.
                if running.answer.pace == nil { context.flush() }
            }
            let isLast = running.written == running.answer.tokens
            let isCounted = isLast && running.answer.ends
            if isCounted {
                context.write(wrapOutboundOut(Self.end(running.answer)), promise: nil)
                self.running = nil
            } else {
                self.running = running
            }
            record.wrote(parts: parts, isCounted: isCounted, of: running.place)
            context.flush()
            guard !isLast, let pace = running.answer.pace else { return }
            context.eventLoop.assumeIsolated().scheduleTask(
                deadline: max(running.started + pace * running.written, .now() + .microseconds(100))
            ) {
                if context.channel.isActive { self.write(context) }
            }
        }

        // MARK: Bytes

        private static let head = ByteBuffer(
            string: "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")

        private static func part(_ text: String) -> ByteBuffer {
            var json: [UInt8] = []
            json.append(json: .string(text))
            return chunk(
                #"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"test-model","#
                    + #""choices":[{"index":0,"delta":{"content":"# + String(decoding: json, as: UTF8.self)
                    + #"},"finish_reason":null}]}"# + "\n\n")
        }

        private static func end(_ answer: Answer) -> ByteBuffer {
            let head = #"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"test-model","#
            let usage =
                #""usage":{"prompt_tokens":\#(answer.input),"completion_tokens":\#(answer.tokens),"#
                + #""total_tokens":\#(answer.input + Int64(answer.tokens))}}"#
            var bytes = chunk(
                head + #""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"# + "\n\n" + head
                    + #""choices":[],"# + usage + "\n\ndata: [DONE]\n\n")
            bytes.writeString("0\r\n\r\n")
            return bytes
        }

        /// In the chunked transfer coding.
        private static func chunk(_ text: String) -> ByteBuffer {
            ByteBuffer(string: String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n")
        }
    }
}
