import MessagingRedis
import Testing

@Suite struct RedisAddressTests {
    @Test(arguments: [
        ("redis://localhost", RedisAddress(host: "localhost")),
        ("redis://localhost/", RedisAddress(host: "localhost")),
        (
            "rediss://cache.example.org:6380/3",
            RedisAddress(host: "cache.example.org", port: 6_380, usesTLS: true, database: 3)
        ),
        ("redis://:pass@10.0.0.1:1", RedisAddress(host: "10.0.0.1", port: 1, password: "pass")),
        ("redis://user:p%40s%3As%2F@h/0", RedisAddress(host: "h", user: "user", password: "p@s:s/")),
        ("redis://u:a@b@h", RedisAddress(host: "h", user: "u", password: "a@b")),
        ("redis://[::1]:7000/1", RedisAddress(host: "::1", port: 7_000, database: 1)),
        ("redis://[::1]", RedisAddress(host: "::1")),
    ])
    func `a valid address is parsed`(text: String, address: RedisAddress) throws {
        #expect(try RedisAddress(text) == address)
    }

    @Test(arguments: [
        "", "localhost:6379", "http://localhost", "redis://", "redis:///0", "redis://:6379", "redis://h:0",
        "redis://h:65536", "redis://h:x", "redis://h/x",
        "redis://h/-1", "redis://h/0/1", "redis://user@h", "redis://user:@h", "redis://:%zz@h", "redis://[::1",
        "redis://[::1]x", "redis://h?db=1",
        "redis://h#x",
    ])
    func `an invalid address is refused without its password in the message`(text: String) {
        #expect(throws: RedisAddress.ParseError.self) { try RedisAddress(text) }
        let error = #expect(throws: RedisAddress.ParseError.self) { try RedisAddress("redis://:hunter22@h:x") }
        #expect(error?.description.contains("hunter22") == false)
    }
}
