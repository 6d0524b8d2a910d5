import Base
import TestKit
import Testing

@testable import Realtime

/// The packets of Engine.IO and Socket.IO as text.
@Suite struct SocketIOPacketTests {
    @Test(
        arguments: [
            ("2", EngineIOPacket(.ping)), ("2probe", EngineIOPacket(.ping, "probe")),
            ("3probe", EngineIOPacket(.pong, "probe")), ("5", EngineIOPacket(.upgrade)),
            ("4€ \u{1F600}", EngineIOPacket(.message, "€ \u{1F600}")),
            (#"0{"sid":"a"}"#, EngineIOPacket(.open, #"{"sid":"a"}"#)), ("1", EngineIOPacket(.close)),
            ("6", EngineIOPacket(.noop)),
        ])
    func `a packet of Engine.IO is a digit and text`(text: String, packet: EngineIOPacket) {
        #expect(EngineIOPacket(text: text) == packet)
        #expect(packet.text == text)
    }

    @Test(arguments: ["", "7", "bAQID", "x", "-1", "é", "\u{1E}"])
    func `other text is no packet of Engine.IO`(text: String) { #expect(EngineIOPacket(text: text) == nil) }

    @Test func `a payload separates packets by U+001E, and has at most sixteen`() {
        let packets = [EngineIOPacket(.message, "a"), EngineIOPacket(.ping), EngineIOPacket(.message)]
        #expect(EngineIOPayload.text(of: packets) == "4a\u{1E}2\u{1E}4")
        #expect(EngineIOPayload.packets(of: "4a\u{1E}2\u{1E}4") == packets)
        for text in ["", "4a\u{1E}", "\u{1E}4a", "4a\u{1E}\u{1E}4b", "4a\u{1E}9"] {
            #expect(EngineIOPayload.packets(of: text) == nil)
        }
        let most = Array(repeating: EngineIOPacket(.message, "a"), count: 16)
        #expect(EngineIOPayload.packets(of: EngineIOPayload.text(of: most)) == most)
        #expect(EngineIOPayload.packets(of: EngineIOPayload.text(of: most + [EngineIOPacket(.ping)])) == nil)
    }

    @Test(
        arguments: [
            ("0", SocketIOPacket(.connect)),
            (#"0{"token":"t"}"#, SocketIOPacket(.connect, data: #"{"token":"t"}"#)),
            ("0/admin,", SocketIOPacket(.connect, in: "/admin")),
            (#"0/admin,{"a":1}"#, SocketIOPacket(.connect, in: "/admin", data: #"{"a":1}"#)),
            ("1", SocketIOPacket(.disconnect)),
            (#"2["e",1]"#, SocketIOPacket(.event, data: #"["e",1]"#)),
            (#"212["e"]"#, SocketIOPacket(.event, id: 12, data: #"["e"]"#)),
            (#"2/admin,456["e"]"#, SocketIOPacket(.event, in: "/admin", id: 456, data: #"["e"]"#)),
            ("312[]", SocketIOPacket(.acknowledgement, id: 12, data: "[]")),
            (#"4{"message":"no"}"#, SocketIOPacket(.connectError, data: #"{"message":"no"}"#)),
        ])
    func `a packet of Socket.IO is a digit, a namespace, a number and JSON`(text: String, packet: SocketIOPacket) {
        #expect(SocketIOPacket(text: text) == packet)
        #expect(packet.text == text)
    }

    @Test func `the query of a namespace is dropped, and its comma may be missing at the end`() {
        #expect(SocketIOPacket(text: "0/admin?a=b,{}") == SocketIOPacket(.connect, in: "/admin", data: "{}"))
        #expect(SocketIOPacket(text: "1/admin") == SocketIOPacket(.disconnect, in: "/admin"))
    }

    @Test(arguments: ["", "x", "7", #"51-["e",{"_placeholder":true,"num":0}]"#, "61-[]", "21234567890123456[]"])
    func `binary and malformed packets are refused`(text: String) { #expect(SocketIOPacket(text: text) == nil) }

    @Test func `data is parsed where it is JSON`() {
        #expect(SocketIOPacket(text: #"2["e",{"a":1}]"#)?.value == ["e", ["a": 1]])
        #expect(SocketIOPacket(text: #"2["e""#)?.value == nil)
        #expect(SocketIOPacket(text: "2")?.value == nil)
    }
}
