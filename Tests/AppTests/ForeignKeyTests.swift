import Testing

@testable import App

@Suite struct ForeignKeyTests {
    private func key(_ table: String, _ referenced: String) -> ForeignKey {
        ForeignKey(name: "\(table)_\(referenced)_fkey", table: table, referenced: referenced)
    }

    @Test func `tables come after those that they refer to`() {
        let keys = [key("a", "b"), key("b", "d"), key("a", "d"), key("c", "c")]
        let order = keys.order(["a", "b", "c", "d"])
        #expect(order == ["c", "d", "b", "a"])
        #expect(keys.forward(in: order) == [key("c", "c")])
    }

    @Test func `in a circle one table goes first, and its key is checked at the end`() {
        let keys = [key("a", "b"), key("b", "a"), key("c", "b")]
        let order = keys.order(["a", "b", "c"])
        #expect(order == ["a", "b", "c"])
        #expect(keys.forward(in: order) == [key("a", "b")])
        #expect([ForeignKey]().order(["b", "a"]) == ["a", "b"])
    }
}
