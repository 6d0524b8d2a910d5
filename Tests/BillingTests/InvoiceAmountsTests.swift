import Base
import Entitlements
import TestKit
import Testing

@testable import Billing

@Suite struct InvoiceAmountsTests {
    private let gst = TaxRate("GST", millionths: 180_000, isInclusive: true)
    private let vat = TaxRate("VAT", millionths: 190_000, isInclusive: false)

    @Test func `an exclusive tax is computed once for all lines, and added`() {
        // Line by line, 0.19 · 0.50 would be rounded to 0.10 three times.
        let lines = (1...3).map { InvoiceLine("line \($0)", unitAmount: 50, taxes: [vat]) }
        let amounts = InvoiceAmounts(lines)
        #expect(amounts.taxes == [InvoiceAmounts.Tax(rate: vat, base: 150, amount: 29)])
        #expect(amounts.subtotal == 150 && amounts.discount == 0 && amounts.total == 179)
    }

    @Test func `an inclusive tax is what is left of the price`() {
        let amounts = InvoiceAmounts([InvoiceLine("plan", unitAmount: 79_900, taxes: [gst])])
        #expect(amounts.taxes == [InvoiceAmounts.Tax(rate: gst, base: 67_712, amount: 12_188)])
        #expect(amounts.total == 79_900)
    }

    @Test func `several inclusive taxes share the rest by their rates`() {
        let half = [
            TaxRate("CGST", millionths: 90_000, isInclusive: true),
            TaxRate("SGST", millionths: 90_000, isInclusive: true),
        ]
        let amounts = InvoiceAmounts([InvoiceLine("plan", unitAmount: 101, taxes: half)])
        // 101 / 1.18 = 85.59…; 15 are left for two.
        #expect(amounts.taxes.map(\.base) == [86, 86] && amounts.taxes.map(\.amount) == [8, 7])
        #expect(amounts.total == 101)
    }

    @Test func `a discount reduces what is taxed, and is shared among the lines`() {
        let lines = [
            InvoiceLine("a", unitAmount: 1_000, taxes: [vat]),
            InvoiceLine("b", quantity: 2, unitAmount: 1_000, taxes: [vat]),
        ].discounted(by: 1_000)
        #expect(lines.map(\.discount) == [333, 667])
        let amounts = InvoiceAmounts(lines)
        #expect(amounts.subtotal == 3_000 && amounts.discount == 1_000)
        #expect(amounts.taxes.first?.amount == 380 && amounts.total == 2_380)
    }

    @Test func `a discount is at most what is charged`() {
        let lines = [InvoiceLine("plan", unitAmount: 999)].discounted(by: 5_000)
        #expect(lines.map(\.discount) == [999] && InvoiceAmounts(lines).total == 0)
    }

    @Test func `a line below zero reduces sum and tax`() {
        let amounts = InvoiceAmounts([
            InvoiceLine("larger plan", unitAmount: 2_999, taxes: [vat]),
            InvoiceLine("unused time", unitAmount: -500, taxes: [vat]),
        ])
        #expect(amounts.subtotal == 2_499 && amounts.taxes.first?.amount == 475 && amounts.total == 2_974)
    }

    @Test(arguments: [
        (5, 1, 10, 1), (-5, 1, 10, -1), (4, 1, 10, 0), (15, 1, 10, 2), (14, 1, 10, 1), (0, 7, 9, 0),
        (Int64.max / 2, 1_000_000, 1_000_000, Int64.max / 2),
    ])
    func `halves are rounded away from zero`(
        _ amount: Int64, _ numerator: Int64, _ denominator: Int64, _ expected: Int64
    ) {
        #expect(Proportion.rounded(amount, times: numerator, over: denominator) == expected)
    }

    @Test func `whatever is invoiced and credited adds up to the minor unit`() {
        var random = SplitMix(seed: 20_261_130)
        for _ in 0..<2_000 {
            let isInclusive = Bool.random(using: &random)
            let rates = (0..<Int.random(in: 0...3, using: &random)).map {
                TaxRate(
                    "tax \($0)", millionths: Int64.random(in: 1...300_000, using: &random), isInclusive: isInclusive)
            }
            let lines = (0..<Int.random(in: 1...5, using: &random)).map { index in
                InvoiceLine(
                    "line", quantity: Int64.random(in: 1...9, using: &random),
                    unitAmount: Int64.random(in: 0...99_999, using: &random), taxes: index % 2 == 0 ? rates : [])
            }.discounted(by: Int64.random(in: 0...50_000, using: &random))
            let amounts = InvoiceAmounts(lines)
            let taxed = lines.filter { !$0.taxes.isEmpty }.reduce(0) { $0 + $1.amount }
            if let base = amounts.taxes.first?.base, isInclusive { #expect(base + amounts.tax == taxed) }
            #expect(
                amounts.total == lines.reduce(0) { $0 + $1.amount } + (isInclusive ? 0 : amounts.tax), "\(lines)")
            guard amounts.total > 0 else { continue }
            var (credited, taxes) = (Int64(0), amounts.taxes.map { _ in Int64(0) })
            while credited < amounts.total {
                let part = min(amounts.total - credited, Int64.random(in: 1...amounts.total, using: &random))
                let note = amounts.credit(part, after: credited)
                let added = note.taxes.reduce(0) { $0 + ($1.rate.isInclusive ? 0 : $1.amount) }
                #expect(note.total == part && note.subtotal + added == part)
                for (index, tax) in note.taxes.enumerated() { taxes[index] += tax.amount }
                credited += part
            }
            #expect(taxes == amounts.taxes.map(\.amount))
        }
    }

    @Test(
        arguments: [
            ("taxes: [{ name: GST, percent: 18, region: IN, inclusive: true }, { name: VAT, percent: 19.5 }]", nil),
            ("taxes: [{ name: GST, percent: 0 }]", "percent"),
            ("taxes: [{ name: GST, percent: 1.23456 }]", "percent"),
            ("taxes: [{ name: GST, percent: 18, region: india }]", "region"),
            ("taxes: [{ name: A, percent: 1 }, { name: B, percent: 1, inclusive: true }]", "inclusive and exclusive"),
            ("taxes: [{ name: A, percent: 1 }, { name: A, percent: 2 }]", "twice"),
            ("taxes: 18", "taxes"),
        ] as [(String, String?)])
    func `taxes are an entry of the file of plans`(_ text: String, _ fault: String?) throws {
        let yaml = "plans: [{ id: a, name: A, file_mb: 1, storage_mb: 1 }]\n\(text)"
        let offers = Offers(meters: [], features: [])
        guard let fault else {
            let taxes = try PlanSet(yaml: yaml, offers: offers).taxes
            #expect(taxes["IN"] == [gst] && taxes[""]?.first?.millionths == 195_000)
            return
        }
        #expect {
            _ = try PlanSet(yaml: yaml, offers: offers)
        } throws: { "\($0)".contains(fault) }
    }
}
