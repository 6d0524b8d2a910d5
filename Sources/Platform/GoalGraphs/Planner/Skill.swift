/// A kind of steps, with the forms of the sentences that ask for them.
protocol Skill: SendableMetatype {
    static var forms: [SkillForm] { get }
}

/// A form, and the steps that it adds to a plan.
struct SkillForm: Sendable {
    let form: SentenceForm
    let build: @Sendable (FormMatch, inout PlanDraft) throws(FormFault) -> Void

    init(
        _ id: String, _ pattern: String, example: String,
        build: @escaping @Sendable (FormMatch, inout PlanDraft) throws(FormFault) -> Void
    ) {
        form = SentenceForm(id, pattern, example: example)
        self.build = build
    }
}
