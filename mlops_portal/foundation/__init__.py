"""The ground floor: people and rights, history, events, rules, work, files, web, api. Knows no app above."""
