/// All skills.
enum Skills {
    static let all: [any Skill.Type] = [
        FetchSkill.self, MailSkill.self, FileSkill.self, TableSkill.self, AggregateSkill.self, ConvertSkill.self,
        CompareSkill.self, LanguageSkill.self, WorkflowSkill.self,
    ]

    static let forms = all.flatMap { $0.forms }

    /// The forms by the words that they begin with.
    static let byVerb: [String: [SkillForm]] = forms.reduce(into: [:]) { byVerb, form in
        for verb in form.form.firstWords { byVerb[verb, default: []].append(form) }
    }

    static let verbs = Set(byVerb.keys)
}
