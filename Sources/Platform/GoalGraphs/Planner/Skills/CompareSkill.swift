import Base

/// Comparisons of two files, pages, outputs or numbers.
enum CompareSkill: Skill {
    static let forms = [
        SkillForm(
            "compare.two", "compare {left:source} (with|to|and|against) {right:source}",
            example: "compare old.csv with new.csv"
        ) { match, draft throws(FormFault) in try compare(match, &draft) },
        SkillForm(
            "compare.outputs", "compare (them|both|these|those|the two|the results|the outputs|the files|the pages)",
            example: "fetch https://a.example and fetch https://b.example, then compare them"
        ) { match, draft throws(FormFault) in
            let (left, right) = try draft.lastTwoInputs()
            compare(left, right, &draft)
        },
        SkillForm(
            "compare.numbers", "compare {left:decimal} (with|to|and|against) {right:decimal}",
            example: "compare 19.5 with 20"
        ) { match, draft throws(FormFault) in
            let (left, right) = (match.text("left"), match.text("right"))
            draft.setResult(
                draft.add(
                    .compare, "Compares \(left) with \(right).", ["left": .string(left), "right": .string(right)],
                    format: .text, criteria: [.notEmpty]))
        },
        SkillForm(
            "compare.differences", "(show|find|list) the differences between {left:source} and {right:source}",
            example: "show the differences between https://example.com and saved.html"
        ) { match, draft throws(FormFault) in try compare(match, &draft) },
        SkillForm(
            "compare.same", "check (whether|if) {left:source} (equals|is the same as|matches) {right:source}",
            example: "check whether a.json equals b.json"
        ) { match, draft throws(FormFault) in try compare(match, &draft) },
    ]

    private static func compare(_ match: FormMatch, _ draft: inout PlanDraft) throws(FormFault) {
        let left = try draft.input(match.content("left"))
        let right = try draft.input(match.content("right"))
        guard left.node != right.node || left.node == nil else { throw FormFault("both are \(left.name)") }
        compare(left, right, &draft)
    }

    private static func compare(_ left: PlanDraft.Input, _ right: PlanDraft.Input, _ draft: inout PlanDraft) {
        draft.setResult(
            draft.add(
                .compare, "Compares \(left.name) with \(right.name).",
                ["left": left.argument, "right": right.argument], format: .text, criteria: [.notEmpty]))
    }
}
