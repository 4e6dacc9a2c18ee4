package samples

import (
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

var championStories = map[string]story{
	"the CRM says so, and there is nobody else": {account: "granite-peak-energy", play: func(p *player) {
		p.say("the champion has left")
		p.do("find", "NoOne")
		p.say("from the top, then")
		p.fact("crm.champion", "Active")
		p.say("the CRM has a new one: what nobody has begun is canceled")
	}},
	"a CSM says so": {account: "dunmore-rail", play: func(p *player) {
		p.c.account.Spec.Measurements = []v1alpha1.Measurement{{Name: "sponsor", Value: "Left"}}
		p.say("the sponsor left")
		p.do("find", "NewChampion")
		p.say("there is a new one")
	}},
	"nobody does anything": {account: "granite-peak-energy", play: func(p *player) { p.wait(3 * day); p.say("a working day late") }},
	"the champion is there, and the sponsor doubts": {account: "dunmore-rail", quiet: true, play: func(p *player) {
		p.c.account.Spec.Measurements = []v1alpha1.Measurement{{Name: "sponsor", Value: "Doubts"}}
		p.wait(9 * day)
		p.say("still there")
	}},
}

var rescueStories = map[string]story{
	"Critical for a day, and saved": {account: "eastmark-retail-group", play: func(p *player) {
		p.wait(23 * time.Hour)
		p.say("Critical since 23 hours")
		p.wait(time.Hour)
		p.say("for a day")
		p.do("diagnose", "Rescue")
		p.say("the lead makes a plan")
		p.do("plan", "PlanAgreed")
		p.say("an executive calls, and a month later somebody looks back")
		p.do("executive", "")
		p.fact("support.open_p1", "0")
		p.wait(day)
		p.say("the P1 is solved and the band is better: the plan goes on")
		p.wait(30 * day)
		p.say("a month after it is Healthy: nothing to ask")
	}},
	"a fall that was a false alarm": {account: "dunmore-rail", play: func(p *player) {
		p.wait(2 * day)
		p.fact("usage.dau_mau", "0.10")
		p.fact("usage.wau_change", "-60")
		p.fact("usage.features", "1")
		p.say("usage is gone: not Critical, but 40 points less")
		p.fact("usage.dau_mau", "0.44")
		p.fact("usage.wau_change", "2")
		p.fact("usage.features", "9")
		p.wait(day)
		p.say("the score is back: it fell all the same, and the task stays")
		p.do("diagnose", "FalseAlarm")
		p.say("the figures were wrong: no plan")
	}},
	"nobody says what happened": {account: "eastmark-retail-group", play: func(p *player) { p.wait(3 * day); p.say("a working day late") }},
	"while the renewal is under way": {account: "castellan-insurance", with: []string{"renewal"}, play: func(p *player) {
		p.do("forecast", "OnTrack")
		p.wait(day)
		p.say("Critical for a day, whatever the forecast was")
	}},
	"a P1 of one afternoon": {account: "eastmark-retail-group", quiet: true, play: func(p *player) {
		p.wait(8 * time.Hour)
		p.fact("support.open_p1", "0")
		p.wait(9 * day)
		p.say("it is not Critical since the evening")
	}},
}

var renewalStories = map[string]story{
	"ninety, sixty and thirty days before, and renewed": {account: "halden-manufacturing", monday: "2026-11-02", play: func(p *player) {
		p.say("96 days before")
		p.wait(6 * day)
		p.say("90 days before")
		p.do("forecast", "OnTrack")
		p.say("on track: the review waits for its time")
		p.wait(30 * day)
		p.say("60 days before")
		p.do("review", "Agreed")
		p.wait(30 * day)
		p.say("30 days before")
		p.c.account.Spec.Contract.RenewalDate = "2028-02-06"
		p.say("the CRM has the next date")
	}},
	"the date moves while nobody has begun": {account: "halden-manufacturing", monday: "2026-11-09", play: func(p *player) {
		p.say("89 days before")
		p.c.account.Spec.Contract.RenewalDate = "2027-05-06"
		p.say("a mistake in the CRM: nothing is left of it")
	}},
	"at risk, and lost": {account: "halden-manufacturing", monday: "2026-11-09", play: func(p *player) {
		p.do("forecast", "AtRisk")
		p.say("a rescue plan")
		p.do("rescue", "NotWanted")
		p.wait(65 * day)
		p.say("past the 30 days")
		p.do("close", "Lost")
		p.say("why?")
	}},
	"a run that begins late": {account: "castellan-insurance", play: func(p *player) {
		p.say("30 days before: the paper is open at once")
		p.do("forecast", "Grow")
		p.say("a proposal, and no review: its time was over before the run began")
		p.wait(25 * day)
		p.say("days before the date, the paper is late")
	}},
	"a customer in Onboarding": {account: "juniper-hotels", quiet: true, play: func(p *player) { p.say("three weeks before a date that means nothing yet") }},
	"half a year before":       {account: "eastmark-retail-group", monday: "2026-04-06", quiet: true, play: func(p *player) { p.say("not yet") }},
}

var expansionStories = map[string]story{
	"seats nearly full": {account: "dunmore-rail", play: func(p *player) {
		p.wait(14 * day)
		p.say("818 of 900 seats for two weeks")
		p.do("qualify", "Interested")
		p.say("they are interested")
		p.do("offer", "Sold")
		p.seats(1200)
		p.say("and bought 300 more")
	}},
	"they buy before anybody asks": {account: "dunmore-rail", play: func(p *player) {
		p.wait(14 * day)
		p.seats(1200)
		p.say("nobody needs to ask")
	}},
	"later": {account: "dunmore-rail", play: func(p *player) {
		p.wait(14 * day)
		p.do("qualify", "Later")
		p.wait(89 * day)
		p.say("later is not yet")
		p.wait(day)
		p.say("but in a quarter")
	}},
	"full, and not well":      {account: "dunmore-rail", quiet: true, play: func(p *player) { p.fact("support.open_p1", "1"); p.wait(20 * day); p.say("a P1 is open") }},
	"two thirds of the seats": {account: "eastmark-retail-group", quiet: true, play: func(p *player) { p.well(); p.fact("usage.seats_used", "80"); p.wait(20 * day); p.say("room enough") }},
	"while they wait for help": {account: "dunmore-rail", with: []string{"tickets"}, quiet: true, play: func(p *player) {
		p.fact("support.oldest_ticket_days", "30")
		p.wait(20 * day)
		p.say("a ticket is a month old")
	}},
}

var advocacyStories = map[string]story{
	"a promoter writes a case study": {account: "dunmore-rail", play: func(p *player) {
		p.wait(7 * day)
		p.say("a promoter, and well for a week")
		p.do("ask", "CaseStudy")
		p.say("two tasks, one for the account executive")
		p.do("case-study", "")
		p.do("enter", "")
		p.wait(179 * day)
		p.say("half a year is not over")
		p.wait(day)
		p.say("and now it is")
	}},
	"a promoter who is not well": {account: "dunmore-rail", quiet: true, play: func(p *player) { p.fact("support.open_p1", "1"); p.wait(20 * day); p.say("not now") }},
	"an answer of 8":             {account: "eastmark-retail-group", quiet: true, play: func(p *player) { p.well(); p.fact("surveys.nps", "8"); p.wait(20 * day); p.say("passive") }},
}
