package ir

import (
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
)

// nameTable finds things by name. A graph of a million nodes asks several times for each name, mostly to learn that it
// is free. Here that reads one slot of eight bytes; a map of strings to pointers would miss the caches each time.
type nameTable[T any] struct {
	seed    maphash.Seed
	slots   []nameSlot // open addressing, linear probing; a power of two
	used    int        // slots that are not free
	entries []namedEntry[T]
	live    int // entries that have not been deleted
}

// nameSlot is part of a name's hash, and one more than the index of its entry.
type nameSlot struct{ hash, entry uint32 }

const deletedSlot = math.MaxUint32

type namedEntry[T any] struct {
	name string
	what T
}

func newNameTable[T any](n int) nameTable[T] {
	t := nameTable[T]{seed: maphash.MakeSeed()}
	if n > 0 {
		t.resize(n)
	}
	return t
}

func (t *nameTable[T]) len() int { return t.live }

func (t *nameTable[T]) hash(name string) uint32 { return uint32(maphash.String(t.seed, name)) }

// find returns the slot of a name, or the free slot where it would go.
func (t *nameTable[T]) find(name string, hash uint32) (*nameSlot, bool) {
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.entry == 0 {
			return s, false
		}
		if s.hash == hash && s.entry != deletedSlot && t.entries[s.entry-1].name == name {
			return s, true
		}
	}
}

func (t *nameTable[T]) get(name string) (what T, ok bool) {
	if t.live == 0 {
		return what, false
	}
	s, ok := t.find(name, t.hash(name))
	if ok {
		what = t.entries[s.entry-1].what
	}
	return what, ok
}

func (t *nameTable[T]) has(name string) bool {
	_, ok := t.get(name)
	return ok
}

func (t *nameTable[T]) set(name string, what T) {
	if 3*(t.used+1) > 2*len(t.slots) {
		t.resize(2 * (t.live + 1))
	}
	hash := t.hash(name)
	s, ok := t.find(name, hash)
	if ok {
		t.entries[s.entry-1].what = what
		return
	}
	t.entries = append(t.entries, namedEntry[T]{name, what})
	*s = nameSlot{hash, uint32(len(t.entries))}
	t.used++
	t.live++
}

func (t *nameTable[T]) delete(name string) {
	if t.live == 0 {
		return
	}
	if s, ok := t.find(name, t.hash(name)); ok {
		t.entries[s.entry-1] = namedEntry[T]{}
		s.entry = deletedSlot
		t.live--
	}
}

// resize makes room for n names, and none for what was deleted.
func (t *nameTable[T]) resize(n int) {
	n = max(n, t.live+1, 4)
	old, entries := t.slots, t.entries
	t.slots = make([]nameSlot, 1<<bits.Len(uint(n+n/2)))
	t.entries = make([]namedEntry[T], 0, n)
	t.used = t.live
	mask := uint32(len(t.slots) - 1)
	for _, s := range old {
		if s.entry == 0 || s.entry == deletedSlot {
			continue
		}
		t.entries = append(t.entries, entries[s.entry-1])
		i := s.hash & mask
		for t.slots[i].entry != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = nameSlot{s.hash, uint32(len(t.entries))}
	}
}

// Repeated is the index of the first name that equals an earlier one, -1 if there is none. Empty names do not count.
func Repeated(names []string) int {
	const few = 16
	if len(names) <= few {
		for i, name := range names {
			if name != "" && slices.Contains(names[:i], name) {
				return i
			}
		}
		return -1
	}
	seen := make(map[string]struct{}, len(names))
	for i, name := range names {
		if _, ok := seen[name]; ok && name != "" {
			return i
		}
		seen[name] = struct{}{}
	}
	return -1
}
