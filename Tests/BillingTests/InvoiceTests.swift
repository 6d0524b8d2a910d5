import App
import Base
import Entitlements
import Identity
import Modules
import TestKit
import Testing

@testable import Billing

@Suite struct InvoiceTests {
    private let vat = TaxRate("VAT", millionths: 190_000, isInclusive: false)

    private func invoice(
        _ source: String, for person: TestPerson, total: Int64 = 1_190, currency: String = "usd",
        lines: [InvoiceLine]? = nil
    ) throws -> NewInvoice {
        NewInvoice(
            source: source, organisation: try #require(ID(person.organisation)),
            paid: Money(total, try #require(Currency(currency))),
            lines: lines ?? [InvoiceLine("Professional, monthly", unitAmount: 1_000, taxes: [vat])],
            paymentMethod: "Card")
    }

    @discardableResult
    private func issue(_ new: NewInvoice, _ test: TestApp) async throws -> Invoice {
        try await test.app.database.write { try test.app.billing.invoices.issue(new, in: $0) }
    }

    private func requireInvariants(_ test: TestApp) async throws {
        let faults = try await allInvariants.faults(in: test.app.database)
        #expect(faults == [])
    }

    @Test(arguments: Engine.available)
    func `invoices are numbered without gaps, once for each source`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let buyer = try await test.register("buyer")
            let first = try await issue(invoice("payment:1", for: buyer), test)
            let again = try await issue(invoice("payment:1", for: buyer), test)
            // A transaction that is rolled back leaves no gap.
            let refused = try invoice("payment:x", for: buyer)
            await #expect(throws: Problem.self) {
                try await test.app.database.write { transaction in
                    _ = try test.app.billing.invoices.issue(refused, in: transaction)
                    throw Problem(.conflict)
                }
            }
            let second = try await issue(invoice("payment:2", for: buyer), test)
            let year = "\(first.issuedAt)".prefix(4)
            #expect(first.number == "INV-\(year)-000001" && again.id == first.id)
            #expect(second.number == "INV-\(year)-000002")
            #expect(first.reference.wholeMatch(of: /INV-[0-9]{8}-[0-9A-F]{8}/) != nil)
            #expect(first.amounts.total == 1_190 && first.amounts.taxes.first?.amount == 190)
            test.clock.advance(by: .days(366))
            let next = try await issue(invoice("payment:3", for: buyer), test)
            #expect(next.number == "INV-\((Int(year) ?? 0) + 1)-000001")
            try await requireInvariants(test)
        }
    }

    @Test(arguments: Engine.available)
    func `invoices that are issued at once have numbers without gaps`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let buyer = try await test.register("buyer")
            let numbers = try await withThrowingTaskGroup(of: String.self) { group in
                for index in 0..<12 {
                    // Each source twice.
                    let new = try invoice("payment:\(index / 2)", for: buyer)
                    group.addTask { try await issue(new, test).number }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(numbers.count == 6 && numbers.sorted().last?.hasSuffix("-000006") == true)
            try await requireInvariants(test)
        }
    }

    @Test(arguments: Engine.available)
    func `numbers have no gap, whatever step of issuing fails`(engine: Engine) async throws {
        let loop = FaultLoop.ofMoney
        try await withTestApp(engine, databaseWrapper: loop.wrap) { test in
            let buyer = try await test.register("buyer")
            var others = 0
            try await loop.run("invoice", on: test, atLeast: 10) {
                try await issue(invoice("payment:1", for: buyer), test)
            } between: {
                // Another invoice has the number that the rollback has undone.
                others += 1
                try await issue(invoice("payment:other-\(others)", for: buyer), test)
            }
            let issued = try await issue(invoice("payment:1", for: buyer), test)
            let note = NewCreditNote(
                source: "refund:1", invoice: issued.id, amount: Money(590, issued.currency), reason: "cancelled")
            try await loop.run("credit note", on: test, atLeast: 10) {
                try await test.app.database.write { _ = try test.app.billing.invoices.issue(note, in: $0) }
            }
            let invoices = await test.call("GET", "/v1/payments/invoices?limit=200", token: buyer.token)
            #expect(invoices["total"] == .integer(Int64(others + 1)))
            let numbers = invoices["data"]?.array?.compactMap { $0["number"]?.string?.suffix(6) } ?? []
            #expect(numbers.sorted().compactMap { Int($0) } == Array(1...(others + 1)))
            let notes = await test.call("GET", "/v1/payments/credit-notes", token: buyer.token)
            #expect(notes["total"] == 1 && notes["data"]?[0]?["amount_minor"] == 590, "\(notes)")
            try await requireInvariants(test)
        }
    }

    @Test(arguments: Engine.available)
    func `an invoice says what was paid, whatever its lines say`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let buyer = try await test.register("buyer")
            let yen = try await issue(
                invoice(
                    "a", for: buyer, total: 500, currency: "jpy", lines: [InvoiceLine("plan", unitAmount: 480)]), test)
            let page = await test.call("GET", "/v1/payments/invoices/\(yen.id)", token: buyer.token)
            #expect(page["invoice"]?["amount"] == 500 && page["invoice"]?["amount_minor"] == 500, "\(page)")
            #expect(page["lines"]?[1]?["amount_minor"] == 20)
            let free = try await issue(
                invoice(
                    "b", for: buyer, total: 0, lines: [InvoiceLine("plan", unitAmount: 999)].discounted(by: 999)), test)
            #expect(free.total.minorUnits == 0)
            let dinar = try await issue(
                invoice("c", for: buyer, total: 1_234, currency: "kwd", lines: [InvoiceLine("p", unitAmount: 1_234)]),
                test)
            let list = await test.call("GET", "/v1/payments/invoices?limit=1", token: buyer.token)
            #expect(list["total"] == 3 && list["data"]?[0]?["number"] == .string(dinar.number), "\(list)")
            #expect(list["data"]?[0]?["amount"] == 1.234 && list["data"]?[0]?["currency"] == "kwd")
            try await requireInvariants(test)
        }
    }

    @Test(arguments: Engine.available)
    func `credit notes have numbers of their own and never exceed the invoice`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let buyer = try await test.register("buyer")
            let invoice = try await issue(invoice("payment:1", for: buyer), test)
            func credit(_ units: Int64, _ source: String) async throws -> Invoice {
                try await test.app.database.write {
                    try test.app.billing.invoices.issue(
                        NewCreditNote(
                            source: source, invoice: invoice.id, amount: Money(units, invoice.currency),
                            reason: "cancelled"), in: $0)
                }
            }
            let first = try await credit(590, "refund:1")
            #expect(first.number.hasPrefix("CN-") && first.number.hasSuffix("-000001"))
            #expect(try await credit(590, "refund:1").id == first.id)
            // Two at once for what is left: one.
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for index in 2...3 { group.addTask { (try? await credit(600, "refund:\(index)")) != nil } }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(outcomes == 1)
            await #expect { try await credit(1, "refund:4") } throws: { ($0 as? Problem)?.kind == .creditTooHigh }
            let view = await test.call("GET", "/v1/payments/invoices/\(invoice.id)", token: buyer.token)
            #expect(view["invoice"]?["status"] == "credited" && view["credit_notes"]?.array?.count == 2, "\(view)")
            let notes = await test.call("GET", "/v1/payments/credit-notes", token: buyer.token)
            #expect(notes["total"] == 2)
            try await requireInvariants(test)
        }
    }

    @Test(arguments: Engine.available)
    func `a refund is credited once, and invoiced again where it fails later`(engine: Engine) async throws {
        let loop = FaultLoop.ofMoney
        try await withTestApp(engine, databaseWrapper: loop.wrap) { test in
            let buyer = try await test.register("buyer")
            let organisation: ID<Organisation> = try #require(ID(buyer.organisation))
            let usd = try #require(Currency("usd"))
            let payment = try await test.app.database.write { transaction in
                try test.app.billing.payments.record(
                    ReceivedPayment(
                        NewPayment(
                            organisation: organisation, person: nil, purpose: SubscriptionUpdateService.payments,
                            subject: "test", amount: Money(1_190, usd), description: "test"),
                        by: .invoice, providerID: "in_test", receivedAt: transaction.now), in: transaction)
            }
            let paid = try #require(payment)
            let new = NewInvoice(
                source: "payment:\(paid.id)", organisation: organisation, paid: Money(1_190, usd),
                lines: [InvoiceLine("Plan", unitAmount: 1_000, taxes: [vat])], payment: paid.id)
            try await issue(new, test)
            func follow(_ id: ID<Refund>, _ units: Int64, _ state: Refund.State) async throws {
                let now = test.clock.now
                let refund = Refund(
                    id: id, payment: paid.id, organisation: organisation, amount: Money(units, usd),
                    fromRevenueMinor: 0,
                    reason: "cancelled", key: id.text, state: state, providerID: nil, failureCode: nil,
                    createdAt: now, settledAt: now)
                try await test.app.database.write { try test.app.billing.invoices.follow(refund, of: paid, in: $0) }
            }
            let (first, second): (ID<Refund>, ID<Refund>) = (Runtime.system.id(), Runtime.system.id())
            try await loop.run("credit", on: test, atLeast: 10) { try await follow(first, 1_190, .succeeded) }
            try await loop.run("failure", on: test, atLeast: 10) { try await follow(first, 1_190, .failed) }
            for _ in 0..<2 { try await follow(second, 500, .succeeded) }
            let invoices = await test.call("GET", "/v1/payments/invoices", token: buyer.token)
            #expect(invoices["data"]?.array?.map { $0["credited_minor"] } == [500, 1_190], "\(invoices)")
            #expect(invoices["data"]?[0]?["amount_minor"] == 1_190 && invoices["data"]?[0]?["tax_minor"] == 190)
            let notes = await test.call("GET", "/v1/payments/credit-notes", token: buyer.token)
            #expect(notes["data"]?.array?.map { $0["amount_minor"] } == [500, 1_190], "\(notes)")
            try await requireInvariants(test)
        }
    }

    @Test(arguments: Engine.available)
    func `an issued invoice cannot be changed or deleted`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let buyer = try await test.register("buyer")
            try await issue(invoice("payment:1", for: buyer), test)
            for statement in [
                "UPDATE invoices SET total = 1", "DELETE FROM invoices", "UPDATE invoice_lines SET unit_amount = 1",
                "DELETE FROM invoice_lines", "UPDATE invoice_taxes SET amount = 0", "DELETE FROM invoice_taxes",
                "UPDATE invoice_buyers SET name = ''",
            ] as [SQL] {
                await #expect(throws: (any Error).self) {
                    try await test.app.database.write { try $0.execute(statement) }
                }
            }
            try await requireInvariants(test)
        }
    }

    @Test(arguments: Engine.available)
    func `an invoice is shown to its organisation and to administrators alone`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let (buyer, other) = (try await test.register("buyer"), try await test.register("other"))
            let administrator = try await test.administrator()
            let invoice = try await issue(invoice("payment:1", for: buyer), test)
            for path in ["", "/download"] {
                let path = "\(invoice.id)\(path)"
                #expect(await test.call("GET", "/v1/payments/invoices/\(path)", token: buyer.token).status == 200)
                #expect(await test.call("GET", "/v1/payments/invoices/\(path)", token: other.token).status == 404)
                #expect(await test.call("GET", "/v1/payments/invoices/\(path)").status == 401)
                #expect(await test.call("GET", "/v1/admin/invoices/\(path)", token: administrator.token).status == 200)
                #expect(await test.call("GET", "/v1/admin/invoices/\(path)", token: buyer.token).status == 403)
            }
            #expect(await test.call("GET", "/v1/payments/invoices", token: other.token)["total"] == 0)
            let list = await test.call(
                "GET", "/v1/admin/invoices?number=\(invoice.reference)", token: administrator.token)
            #expect(
                list["total"] == 1 && list["data"]?[0]?["organisation_id"] == .string(buyer.organisation), "\(list)")
        }
    }

    @Test(arguments: Engine.available)
    func `billing details are named on later invoices`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let buyer = try await test.register("buyer")
            #expect(await test.call("GET", "/v1/payments/billing-details", token: buyer.token).status == 404)
            let details: JSONValue = [
                "name": "  Ährenström & Søn  ", "address": "Long Street 1\n\n10115  Berlin", "country": "DE",
                "tax_id": "DE123456789",
            ]
            let set = await test.call("PUT", "/v1/payments/billing-details", json: details, token: buyer.token)
            #expect(set.status == 200 && set["address"] == "Long Street 1\n10115 Berlin", "\(set)")
            let invoice = try await issue(invoice("payment:1", for: buyer), test)
            let view = await test.call("GET", "/v1/payments/invoices/\(invoice.id)", token: buyer.token)
            #expect(
                view["buyer"]?["name"] == "Ährenström & Søn" && view["buyer"]?["tax_id"] == "DE123456789", "\(view)")
            let wrong: JSONValue = ["name": " ", "country": "de"]
            let refusal = await test.call("PUT", "/v1/payments/billing-details", json: wrong, token: buyer.token)
            #expect(refusal.status == 422 && refusal["errors"]?.array?.count == 2, "\(refusal)")
        }
    }
}
